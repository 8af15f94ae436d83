import assert from 'node:assert/strict'
import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ConfigError } from '../../src/config/config-error.ts'
import { loadConfig } from '../../src/config/load.ts'
import { formatConfig } from '../../src/config/show.ts'
import { type Dice, mutate, nasty } from './dice.ts'
import { serveCases } from './parsing-worker.ts'

const SECRET = 'correct-horse-battery'
const folder = mkdtempSync(join(tmpdir(), 'lacre-fuzz-'))

const WHOLE = `version: 0.1
log: {level: debug, formatter: json, fields: {service: registry, n: 1}, accesslog: {disabled: true}, hooks: [{type: mail, levels: [panic], options: {smtp: {password: ${SECRET}}}}]}
storage:
  filesystem: {rootdirectory: /var/lib/registry, maxthreads: 100}
  delete: {enabled: true}
  cache: {blobdescriptor: inmemory}
  redirect: {disable: true}
  maintenance: {uploadpurging: {enabled: true, age: 168h, interval: 24h, dryrun: false}, readonly: {enabled: false}}
auth: {htpasswd: {realm: "basic realm", path: /auth/htpasswd}}
http:
  addr: 0.0.0.0:5000
  net: tcp
  prefix: /my/registry/
  host: https://registry.example.com:5000
  secret: ${SECRET}
  relativeurls: false
  draintimeout: 60s
  tls: {certificate: /a.crt, key: /a.key, clientcas: [/ca.crt], minimumtls: tls1.2, ciphersuites: [TLS_AES_128_GCM_SHA256]}
  debug: {addr: localhost:5001, prometheus: {enabled: true, path: /metrics}}
  headers: {X-Content-Type-Options: [nosniff]}
notifications: {endpoints: [{name: a, url: https://a.test/, headers: {Authorization: [Bearer x]}, timeout: 1s, threshold: 5, backoff: 1s, ignoredmediatypes: [a/b]}]}
health: {storagedriver: {enabled: true, interval: 10s, threshold: 3}, file: [{file: /a, interval: 10s}], http: [{uri: http://a.test, statuscode: 200}], tcp: [{addr: a.test:6379, timeout: 3s}]}
validation: {disabled: false, manifests: {urls: {allow: ['^https?://([^/]+\\.)*example\\.com/'], deny: ['^https?://www\\.example\\.com/']}}}
catalog: {maxentries: 50}
tags: {maxtags: 50}
lacre: {gc: {grace: 1h, interval: 0}, maxconnections: 100}
`

const VARIABLES = [
  'REGISTRY_HTTP_ADDR',
  'REGISTRY_HTTP_TLS_CLIENTCAS_0',
  'REGISTRY_STORAGE',
  'REGISTRY_AUTH',
  'REGISTRY_AUTH_HTPASSWD_REALM',
  'REGISTRY_LOG_FIELDS_A',
  'REGISTRY_LOG_LEVEL',
  'REGISTRY_HTTP_HEADERS',
  'REGISTRY_NOTIFICATIONS_ENDPOINTS_0_URL',
  'REGISTRY_STORAGE_DELETE_ENABLED',
  'REGISTRY_HTTP_HEADERS_X',
  'REGISTRY_',
  'REGISTRY',
  'REGISTRY__PROTO__',
  'REGISTRY_LOG_FIELDS___PROTO___X',
  'REGISTRY_HTTP_HEADERS_CONSTRUCTOR',
  'REGISTRY_HTTP_TLS_CLIENTCAS_99999999999',
  'REGISTRY_PORT_5000_TCP',
]

/** A file and an environment give a configuration, or every problem as a sentence; the secret is shown in neither. */
serveCases(async (dice) => {
  const text = makeText(dice)
  const path = join(folder, 'config.yml')
  writeFileSync(path, text)
  const environment = Object.fromEntries(
    Array.from({ length: dice.below(3) }, () => [dice.pick(VARIABLES) + (dice.once(6) ? `_${nasty(dice).replaceAll('\0', '')}` : ''), makeValue(dice)]),
  )
  const about = `${JSON.stringify(environment)}\n${text.toString().slice(0, 3000)}`
  try {
    const shown = formatConfig(await loadConfig({ path, environment }))
    assert.ok(!isTold(text, shown), `the secret is shown: ${about}`)
  } catch (error) {
    if (!(error instanceof ConfigError)) throw new Error(`${error instanceof Error ? error.stack : error}\n${about}`, { cause: error })
    assert.ok(error.problems.length > 0 && error.problems.every(({ message }) => message.length > 0), `no sentence: ${about}`)
  }
})

/** Whether the secret is shown although the file has it in its own place. */
function isTold(text: Buffer, shown: string): boolean {
  return text.includes(`\n  secret: ${SECRET}\n`) && shown.includes(SECRET)
}

function makeText(dice: Dice): Buffer {
  const lines = WHOLE.split('\n')
  for (let rounds = dice.below(4); rounds > 0; rounds--)
    lines.splice(dice.below(lines.length), dice.below(2), dice.once(3) ? `${nasty(dice)}: ${nasty(dice)}` : dice.pick(lines))
  const text = dice.once(3) ? lines.join('\n').replace(/(?<=: )[^\s{[,}]+(?=[,}\n])/g, (value) => (dice.once(12) ? nasty(dice) : value)) : lines.join('\n')
  return dice.once(2) ? mutate(dice, Buffer.from(text), 3) : Buffer.from(text)
}

function makeValue(dice: Dice): string {
  return (
    dice.once(2)
      ? nasty(dice)
      : dice.pick(['[a, b]', '{a: {b: c}}', 'filesystem', 'htpasswd', '10s', 'true', '5', '&a [*a]', '!!binary x', '? a', '- - - a', `{a: ${'['.repeat(200)}`])
  ).replaceAll('\0', '')
}
