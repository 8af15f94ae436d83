import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Ajv2020 } from 'ajv/dist/2020.js'
import { configJsonSchema } from './json-schema.ts'
import { listKeys } from './keys.ts'

const schema = configJsonSchema()
const ajv = new Ajv2020({ strict: true, allowUnionTypes: true })

/** What the schema says of a key, `<name>` and `<n>` included. */
function find(path: string): Record<string, unknown> {
  let node = schema
  for (const part of path.split('.')) {
    const below = part === '<name>' ? node['additionalProperties'] : part === '<n>' ? node['items'] : (node['properties'] as typeof node)[part]
    node = below as typeof node
  }
  return node
}

test('the format is a valid JSON Schema of draft 2020-12', () => {
  assert.equal(schema['$schema'], 'https://json-schema.org/draft/2020-12/schema')
  assert.equal(ajv.validateSchema(schema), true, ajv.errorsText())
})

test('the JSON Schema has the sentence and default of every key', () => {
  for (const { path, description, fallback } of listKeys()) {
    const found = find(path)
    assert.equal(found['description'], description, path)
    assert.equal('default' in found, fallback !== undefined, path)
  }
})

const REGISTRY_3 = {
  version: 0.1,
  log: { level: 'debug', fields: { service: 'registry', environment: 'development' }, hooks: [{ type: 'mail', disabled: true }] },
  storage: {
    delete: { enabled: true },
    cache: { blobdescriptor: 'inmemory' },
    filesystem: { rootdirectory: '/var/lib/registry' },
    tag: { concurrencylimit: 5 },
  },
  http: { addr: ':5000', draintimeout: 60_000_000_000, debug: { addr: ':5001', prometheus: { enabled: true, path: '/metrics' } } },
  health: { storagedriver: { enabled: true, interval: '10s', threshold: 3 }, file: [{ file: '/tmp/down' }] },
}

const validate = ajv.compile(schema)

for (const [what, file] of [
  ["registry:3's own file", REGISTRY_3],
  ['words where sections go', { version: '0.1', storage: 'filesystem', auth: 'none', http: { addr: ':1' } }],
  ['keys without values', { version: '0.1', storage: { filesystem: null }, http: { addr: ':1', headers: null } }],
  ['one text where a list goes', { version: 0.1, http: { headers: { 'X-A': 'b' } } }],
] as const) {
  test(`the JSON Schema takes ${what}`, () => assert.equal(validate(file), true, ajv.errorsText(validate.errors)))
}

for (const [what, file] of [
  ['a misspelt key', { ...REGISTRY_3, htpp: {} }],
  ['a misspelt key in a list', { ...REGISTRY_3, health: { file: [{ fil: '/x' }] } }],
  ['a boolean in quotes', { ...REGISTRY_3, http: { relativeurls: 'true' } }],
  ['no version', { http: {} }],
  ['a level that there is not', { ...REGISTRY_3, log: { level: 'trace' } }],
] as const) {
  test(`the JSON Schema refuses ${what}`, () => assert.equal(validate(file), false))
}
