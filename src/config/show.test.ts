import assert from 'node:assert/strict'
import { test } from 'node:test'
import { listKeys } from './keys.ts'
import { loadConfig } from './load.ts'
import { formatConfig, formatKeys } from './show.ts'

async function show(environment: Record<string, string>): Promise<string> {
  return formatConfig(await loadConfig({ environment, defaults: 'registry2' }))
}

test('formatConfig shows key, value and source in columns', async () => {
  const text = await show({ REGISTRY_HTTP_DRAINTIMEOUT: '90s' })
  assert.match(text, /^http\.draintimeout +1m30s +REGISTRY_HTTP_DRAINTIMEOUT$/m)
  assert.match(text, /^http\.relativeurls +false +default$/m)
})

test('formatConfig hides the secret and shows the warnings', async () => {
  const text = await show({ REGISTRY_HTTP_SECRET: 'hush', REGISTRY_REDIS_ADDR: 'r:1' })
  assert.doesNotMatch(text, /hush/)
  assert.match(text, /^http\.secret +\(hidden\) +REGISTRY_HTTP_SECRET$/m)
  assert.match(text, /^warning: redis is not used/m)
})

test('no secret of a webhook endpoint is shown: its headers, its password, its query', async () => {
  const endpoint = '{name: ci, url: "https://me:hush1@ci.test/hook?token=hush2", headers: {Authorization: [Bearer hush3], X-One: hush4}}'
  const text = await show({ REGISTRY_NOTIFICATIONS_ENDPOINTS: `[${endpoint}]` })
  assert.doesNotMatch(text, /hush/)
  assert.match(text, /^notifications\.endpoints\.0\.url +https:\/\/\(hidden\)@ci\.test\/hook\?\(hidden\) +REGISTRY_NOTIFICATIONS_ENDPOINTS$/m)
  assert.match(text, /^notifications\.endpoints\.0\.headers\.Authorization +\(hidden\) /m)
})

test('no secret of a health check is shown, nor of a URL that is written oddly', async () => {
  const text = await show({ REGISTRY_HEALTH_HTTPCHECKERS: '[{uri: "http:me:hush1@ci.test/up?t=hush2", headers: {Authorization: [Bearer hush3]}}]' })
  assert.doesNotMatch(text, /hush/)
  assert.match(text, /^health\.http\.0\.uri +http:\/\/\(hidden\)@ci\.test\/up\?\(hidden\) /m)
})

for (const value of ['| hush', '!a!hush x'])
  test(`an error about the YAML ${value} shows none of it`, async () => {
    await assert.rejects(show({ REGISTRY_HTTP_SECRET: value }), (error: Error) => /not valid YAML/.test(error.message) && !/hush/.test(error.message))
  })

for (const [what, endpoint] of [
  ['a header', '{name: ci, url: "http://ci.test", headers: {X-A: "hush\\x01"}}'],
  ['a url', '{name: ci, url: "me:hush@ci.test"}'],
  ['YAML', '{name: ci, headers: {X-A: [hush}'],
] as const) {
  test(`an error about ${what} of a webhook endpoint does not show its secrets`, async () => {
    await assert.rejects(show({ REGISTRY_NOTIFICATIONS_ENDPOINTS: `[${endpoint}]` }), (error: Error) => !/hush/.test(error.message))
  })
}

test('every key has a sentence, and formatKeys lists it', () => {
  const text = formatKeys()
  for (const { path, description } of listKeys()) {
    assert.match(description, /^[A-Z].*\.$/, path)
    assert.ok(text.includes(`${path}\n    ${description}`), path)
  }
})
