import assert from 'node:assert/strict'
import { mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { ConfigError } from './config-error.ts'
import type { Environment } from './environment.ts'
import { completeConfig, type LoadedConfig, loadConfig, loadVariables } from './load.ts'

const folder = await mkdtemp(join(tmpdir(), 'config-'))
after(() => rm(folder, { recursive: true }))
const path = join(folder, 'config.yml')

/** The smallest file: what it does not say is a default. */
const SMALL = 'version: 0.1\nstorage: {filesystem: {rootdirectory: /data}}\nhttp: {addr: ":5000"}\n'

async function load(text: string, environment: Environment = {}): Promise<LoadedConfig> {
  await writeFile(path, text)
  return await loadConfig({ path, environment })
}

const warned: readonly (readonly [what: string, text: RegExp, file: string, environment: Environment])[] = [
  [
    'an unknown key, with its line and the nearest one',
    /^http\.adr is .*config\.yml:4.*did you mean http\.addr\?$/,
    `${SMALL.replace('http: {addr: ":5000"}', 'http:\n  adr: 1\n  addr: :1')}`,
    {},
  ],
  ['an unknown variable, with the nearest one', /^REGISTRY_HTPP_ADDR .*did you mean REGISTRY_HTTP_ADDR\?$/, SMALL, { REGISTRY_HTPP_ADDR: ':1' }],
  ['an unknown key that every object of JavaScript has', /^toString is /, `${SMALL}toString: 1_000`, {}],
  ['a key in the wrong section', /^rootdirectory is .*did you mean storage\.filesystem\.rootdirectory\?$/, `${SMALL}rootdirectory: /x`, {}],
  ['a key that is written twice', /^log is written twice.*config\.yml:5/, `${SMALL}log: {level: warn}\nlog: {level: info}`, {}],
  [
    'deletion in quotes',
    /^storage\.delete\.enabled is not true or false.*REGISTRY_STORAGE_DELETE_ENABLED/,
    SMALL,
    { REGISTRY_STORAGE_DELETE_ENABLED: "'true'" },
  ],
  ['redis', /^redis is not used/, SMALL, { REGISTRY_REDIS_ADDR: 'redis:6379' }],
  [
    'an action that no event has',
    /^notifications\.endpoints\.0\.ignore\.actions names "pulls", which no event has .*: there are pull, push, mount and delete$/,
    SMALL,
    { REGISTRY_NOTIFICATIONS_ENDPOINTS: '[{name: a, url: http://x, ignore: {actions: [push, pulls]}}]' },
  ],
  [
    'an unknown key of an endpoint, with the nearest one',
    /^notifications\.endpoints\.0\.backof is .*config\.yml:5.*did you mean notifications\.endpoints\.0\.backoff\?$/,
    `${SMALL}notifications:\n  endpoints: [{name: a, url: http://x, backof: 1s}]`,
    {},
  ],
  [
    'nanoseconds of an endpoint',
    /^notifications\.endpoints\.0\.timeout is 500 nanoseconds/,
    SMALL,
    { REGISTRY_NOTIFICATIONS_ENDPOINTS: '[{name: a, url: http://x, timeout: 500}]' },
  ],
  ['TLS below 1.2', /^http\.tls\.minimumtls is tls1\.1/, SMALL, { REGISTRY_HTTP_TLS_MINIMUMTLS: 'tls1.1' }],
  ['authorities of clients without HTTPS', /^http\.tls\.clientcas has no effect/, SMALL, { REGISTRY_HTTP_TLS_CLIENTCAS: '[/a]' }],
  ['a duration without a unit', /^http\.draintimeout is 60 nanoseconds .*: write 60s/, SMALL, { REGISTRY_HTTP_DRAINTIMEOUT: '60' }],
  ['a host that is no URL', /^http\.host is no URL.*https:\/\/registry\.test/, SMALL, { REGISTRY_HTTP_HOST: 'registry.test' }],
  ['a value that YAML takes for a comment', /^REGISTRY_HTTP_SECRET reads as empty/, SMALL, { REGISTRY_HTTP_SECRET: '#pass' }],
  ['a version in the environment', /^REGISTRY_VERSION is ignored/, SMALL, { REGISTRY_VERSION: '0.2' }],
]
for (const [what, text, file, environment] of warned) {
  test(`configuration: warns about ${what}`, async () => {
    const { warnings } = await load(file, environment)
    assert.equal(warnings.length, 1, warnings.join('\n'))
    assert.match(warnings[0] ?? '', text)
  })
}

const refused: readonly (readonly [what: string, key: string, file: string, environment: Environment])[] = [
  ['no version', 'version', SMALL.replace('version: 0.1\n', ''), {}],
  ['another version', 'version', SMALL.replace('0.1', '0.2'), {}],
  ['an endpoint without a name', 'notifications.endpoints.0.name', SMALL, { REGISTRY_NOTIFICATIONS_ENDPOINTS: '[{url: http://x}]' }],
  ['an endpoint without a url', 'notifications.endpoints.0.url', SMALL, { REGISTRY_NOTIFICATIONS_ENDPOINTS: '[{name: a}]' }],
  ['an endpoint with a url of another kind', 'notifications.endpoints.0.url', SMALL, { REGISTRY_NOTIFICATIONS_ENDPOINTS: '[{name: a, url: ftp://x}]' }],
  ['an endpoint with a host for a url', 'notifications.endpoints.0.url', SMALL, { REGISTRY_NOTIFICATIONS_ENDPOINTS: '[{name: a, url: "ci:8080"}]' }],
  [
    'two endpoints of one name',
    'notifications.endpoints.1.name',
    SMALL,
    { REGISTRY_NOTIFICATIONS_ENDPOINTS: '[{name: a, url: http://x}, {name: a, url: http://y}]' },
  ],
  ['an endpoint that is a text', 'notifications.endpoints.0', SMALL, { REGISTRY_NOTIFICATIONS_ENDPOINTS: '[http://x]' }],
  ['endpoints that are no list', 'notifications.endpoints', SMALL, { REGISTRY_NOTIFICATIONS_ENDPOINTS: '{name: a, url: http://x}' }],
  ['no storage', 'storage', 'version: 0.1\nhttp: {addr: ":1"}', {}],
  ['storage without a driver', 'storage', SMALL.replace('filesystem: {rootdirectory: /data}', 'delete: {enabled: true}'), {}],
  ['an unset storage', 'storage', SMALL, { REGISTRY_STORAGE: '' }],
  ['a second driver', 'storage', SMALL, { REGISTRY_STORAGE_S3_BUCKET: 'b' }],
  ['S3', 'storage.s3', SMALL, { REGISTRY_STORAGE: 's3' }],
  ['the driver in memory', 'storage.inmemory', SMALL, { REGISTRY_STORAGE: 'inmemory' }],
  ['a driver that nobody knows', 'storage.filesytem', SMALL, { REGISTRY_STORAGE: 'filesytem' }],
  ['deletion as a value', 'storage.delete', SMALL.replace('}}', '}, delete: true}'), {}],
  ['read-only as a value', 'storage.maintenance.readonly', SMALL.replace('}}', '}, maintenance: {readonly: true}}'), {}],
  ['an age that is no duration', 'storage.maintenance.uploadpurging.age', SMALL, { REGISTRY_STORAGE_MAINTENANCE_UPLOADPURGING_AGE: '7 days' }],
  ['an interval of nothing', 'storage.maintenance.uploadpurging.interval', SMALL, { REGISTRY_STORAGE_MAINTENANCE_UPLOADPURGING_INTERVAL: '0' }],
  ['htpasswd without realm and path', 'auth.htpasswd.realm', SMALL, { REGISTRY_AUTH: 'htpasswd' }],
  ['htpasswd without a path', 'auth.htpasswd.path', SMALL, { REGISTRY_AUTH: 'htpasswd', REGISTRY_AUTH_HTPASSWD_REALM: 'r' }],
  ['a realm that would begin another header', 'auth.htpasswd.realm', SMALL, { REGISTRY_AUTH_HTPASSWD_REALM: '"a\\r\\nb"', REGISTRY_AUTH_HTPASSWD_PATH: '/p' }],
  ['htpasswd without a value, which must not turn it off', 'auth.htpasswd.realm', `${SMALL}auth:\n  htpasswd:\n`, {}],
  ['two kinds of auth', 'auth', `${SMALL}auth: {none: {}, htpasswd: {realm: r, path: /p}}`, {}],
  ['tokens', 'auth.token', SMALL, { REGISTRY_AUTH: 'token', REGISTRY_AUTH_TOKEN_REALM: 'https://x' }],
  ['silly', 'auth.silly', SMALL, { REGISTRY_AUTH: 'silly' }],
  ['a kind of auth that nobody knows', 'auth.htpaswd', SMALL, { REGISTRY_AUTH: 'htpaswd' }],
  ['a proxy', 'proxy', SMALL, { REGISTRY_PROXY_REMOTEURL: 'https://registry-1.docker.io' }],
  ["Let's Encrypt without a host", 'http.tls.letsencrypt.hosts', SMALL, { REGISTRY_HTTP_TLS_LETSENCRYPT_EMAIL: 'a@b.c' }],
  ['middleware', 'middleware', `${SMALL}middleware: {storage: [{name: cloudfront}]}`, {}],
  ['no address', 'http.addr', SMALL.replace('{addr: ":5000"}', '{secret: x}'), {}],
  ['an address that is a list', 'http.addr', SMALL.replace('":5000"', '[1, 2]'), {}],
  ['an address without a port', 'http.addr', SMALL, { REGISTRY_HTTP_ADDR: 'localhost' }],
  ['a port that is too large', 'http.addr', SMALL, { REGISTRY_HTTP_ADDR: ':70000' }],
  ['another network', 'http.net', SMALL, { REGISTRY_HTTP_NET: 'udp' }],
  ['a certificate without a key', 'http.tls.key', SMALL, { REGISTRY_HTTP_TLS_CERTIFICATE: '/c' }],
  ['a key without a certificate', 'http.tls.certificate', SMALL, { REGISTRY_HTTP_TLS_KEY: '/k' }],
  ['an unknown TLS version', 'http.tls.minimumtls', SMALL, { REGISTRY_HTTP_TLS_MINIMUMTLS: 'tls9' }],
  ['an unknown cipher suite', 'http.tls.ciphersuites', SMALL, { REGISTRY_HTTP_TLS_CIPHERSUITES: '[AES128-SHA]' }],
  ['an unknown client authentication', 'http.tls.clientauth', SMALL, { REGISTRY_HTTP_TLS_CLIENTAUTH: 'yes' }],
  ['a boolean in quotes', 'http.relativeurls', SMALL, { REGISTRY_HTTP_RELATIVEURLS: '"true"' }],
  ['a drain timeout without a unit, in quotes', 'http.draintimeout', SMALL, { REGISTRY_HTTP_DRAINTIMEOUT: '"5"' }],
  ['a negative duration', 'http.draintimeout', SMALL, { REGISTRY_HTTP_DRAINTIMEOUT: '-5s' }],
  ['an index behind the end', 'http.tls.clientcas.1', SMALL, { REGISTRY_HTTP_TLS_CLIENTCAS_1: '/a' }],
  ['a header that would begin another', 'http.headers.x-a', SMALL, { 'REGISTRY_HTTP_HEADERS_X-A': '["b\\r\\nX-B: c"]' }],
  ['a header name with a space', 'http.headers.x a', SMALL, { 'REGISTRY_HTTP_HEADERS_X A': '[b]' }],
  ['a level that does not exist', 'log.level', SMALL, { REGISTRY_LOG_LEVEL: 'trace' }],
  ['a formatter that does not exist', 'log.formatter', SMALL, { REGISTRY_LOG_FORMATTER: 'xml' }],
  ['a page that is no number', 'catalog.maxentries', SMALL, { REGISTRY_CATALOG_MAXENTRIES: 'many' }],
  ['a section as a value', 'http', 'version: 0.1\nstorage: filesystem\nhttp: 5', {}],
  ['a variable that is no YAML', 'http.headers.access-control-allow-origin', SMALL, { 'REGISTRY_HTTP_HEADERS_Access-Control-Allow-Origin': '[*]' }],
]
for (const [what, key, file, environment] of refused) {
  test(`configuration: refuses ${what}`, async () => {
    const error = await problemsOf(load(file, environment))
    assert.ok(
      error.problems.some((problem) => problem.path === key),
      error.message,
    )
  })
}

async function problemsOf(loading: Promise<unknown>): Promise<ConfigError> {
  const error = await loading.then(
    () => assert.fail('was accepted'),
    (reason: unknown) => reason,
  )
  assert.ok(error instanceof ConfigError, String(error))
  return error
}

test('configuration: all problems are told at once, each with its line and what was ignored', async () => {
  const file = 'version: 0.1\nstorage:\n  filesystem: {rootdirectory: /d}\n  delete: true\nhttp:\n  adr: :1\n  draintimeout: soon\n'
  const error = await problemsOf(load(file))
  const found = error.problems.map(({ path, line }) => `${path} ${line}`)
  assert.deepEqual(found.sort(), ['http.addr 5', 'http.draintimeout 7', 'storage.delete 4'])
  assert.match(error.message, /did you mean http\.addr/)
})

test('configuration: broken YAML names the line', async () => {
  const { problems } = await problemsOf(load('version: 0.1\nhttp:\n  addr: [\n'))
  assert.equal(problems[0]?.line, 4)
})

const laughs = 'abcdefgh'.split('').map(
  (name, index, all) =>
    `${name}: &${name} [${Array(9)
      .fill(index === 0 ? 'x' : `*${all[index - 1]}`)
      .join(',')}]`,
)

const unreadable: readonly (readonly [what: string, message: RegExp, bytes: string | Buffer])[] = [
  ['an empty file', /is empty/, ''],
  ['only a comment', /is empty/, '# nothing\n'],
  ['a list', /holds a list, no keys/, '- a'],
  ['a word', /holds a single value, no keys/, 'hello'],
  ['an alias inside its own anchor', /an alias stands inside its own anchor/, `${SMALL}log: &a {fields: *a}`],
  ['an alias of nothing', /names an anchor that does not exist/, `${SMALL}log: *a`],
  ['aliases of aliases of aliases', /its aliases stand for too much/, `${laughs.join('\n')}\n${SMALL}`],
  ['a thousand brackets', /nests too deep/, `${SMALL}x: ${'['.repeat(1000)}`],
  ['ten thousand dashes', /nests too deep/, `${SMALL}x:\n  ${'- '.repeat(10_000)}`],
  ['deeper keys than there are', /nests deeper than/, Array.from({ length: 40 }, (_, depth) => `${' '.repeat(depth)}a:\n`).join('')],
  ['a tab as indentation', /tabs are not allowed.*config\.yml:3/, 'version: 0.1\nhttp:\n\taddr: :1\n'],
  ['a quote that never ends', /missing closing "quote.*config\.yml:4/, `${SMALL}log: {level: "deb`],
  ['Latin-1', /is not text in UTF-8/, Buffer.from(`${SMALL}log: {fields: {a: caf\xe9}}`, 'latin1')],
  ['a program', /is not text in UTF-8|no text has/, Buffer.from('\x7fELF\x02\x01\0\0', 'latin1')],
  ['a control character', /no text has, U\+0001 \(line 4\)/, `${SMALL}log: {level: "\x01"}`],
  ['2 MiB', /longer than 1 MiB/, `# ${'x'.repeat(2 * 1024 * 1024)}`],
]
for (const [what, message, bytes] of unreadable) {
  test(`configuration: ${what} is told in a sentence`, async () => {
    await writeFile(path, bytes)
    const error = await problemsOf(loadConfig({ path, environment: {} }))
    assert.match(error.message, message)
    assert.match(error.message, /^[^\n]{1,300}(\n {2}- [^\n]{1,300})*$/)
  })
}

const readable: readonly (readonly [what: string, bytes: string | Buffer])[] = [
  ['a byte order mark', `\ufeff${SMALL}`],
  ['UTF-16', Buffer.from(`\ufeff${SMALL}`, 'utf16le')],
  ['the ends of lines of Windows', SMALL.replaceAll('\n', '\r\n')],
  ['JSON', JSON.stringify({ version: '0.1', storage: { filesystem: { rootdirectory: '/data' } }, http: { addr: ':5000' } })],
  ['a mark before the first document', `---\n${SMALL}`],
]
for (const [what, bytes] of readable) {
  test(`configuration: ${what} is read`, async () => {
    await writeFile(path, bytes)
    const { config, warnings } = await loadConfig({ path, environment: {} })
    assert.deepEqual([config.http.addr, warnings], [':5000', []])
  })
}

test('configuration: only the first document of a file counts', async () => {
  const { config, warnings } = await load(`${SMALL}---\nhttp: {addr: ":1"}\n`)
  assert.deepEqual([config.http.addr, warnings.length], [':5000', 1])
})

test('configuration: a folder, an endless device and a link to itself are told in a sentence', async () => {
  const link = join(folder, 'link.yml')
  await symlink(link, link)
  const messages = []
  for (const place of [folder, '/dev/zero', link]) messages.push((await problemsOf(loadConfig({ path: place, environment: {} }))).problems[0]?.message)
  assert.deepEqual(messages, ['is a folder, not a file', 'is longer than 1 MiB', 'is a link that leads to itself'])
})

test('configuration: a secret is in no message', async () => {
  for (const value of ['[hush', '{hush: 1}', '@hush', '*hush']) {
    const { message } = await problemsOf(load(SMALL, { REGISTRY_HTTP_SECRET: value }))
    assert.doesNotMatch(message, /hush/)
  }
})

test('configuration: each effective key tells where it comes from', async () => {
  const { sources } = await load(SMALL, { REGISTRY_LOG_LEVEL: 'debug', REGISTRY_HTTP_HEADERS: '{X-A: [b]}' })
  const keys = ['http.addr', 'log.level', 'http.headers.X-A', 'tags.maxtags']
  assert.deepEqual(
    keys.map((key) => sources.get(key)),
    ['config.yml:3', 'REGISTRY_LOG_LEVEL', 'REGISTRY_HTTP_HEADERS', 'default'],
  )
})

test('configuration: a named file that is missing is an error, also when the environment names it', async () => {
  const missing = join(folder, 'nope.yml')
  const byArgument = await problemsOf(loadConfig({ path: missing, environment: {} }))
  const byEnvironment = await problemsOf(loadConfig({ environment: { REGISTRY_CONFIGURATION_PATH: missing } }))
  assert.equal(byArgument.problems[0]?.path, missing)
  assert.equal(byEnvironment.problems[0]?.path, missing)
})

test('configuration: the argument goes before REGISTRY_CONFIGURATION_PATH', async () => {
  await writeFile(path, SMALL)
  const loaded = await loadConfig({ path, environment: { REGISTRY_CONFIGURATION_PATH: join(folder, 'nope.yml') } })
  assert.equal(loaded.path, path)
})

test('completeConfig takes values of ours, durations in milliseconds, and variables before our defaults', () => {
  const variables = loadVariables({ REGISTRY_HTTP_DRAINTIMEOUT: '3s', REGISTRY_HTTP_TLS_EXPLAIN: 'true' })
  const defaults = { http: { draintimeout: 10_000 }, storage: { delete: { enabled: true } } }
  const config = completeConfig(variables, defaults, { http: { addr: ':8443' }, auth: { htpasswd: { realm: 'r', path: '/p' } } })
  assert.deepEqual([config.http.addr, config.http.draintimeout, config.storage.delete.enabled, config.auth.htpasswd?.path], [':8443', 3_000, true, '/p'])
  assert.deepEqual([config.http.headers, config.http.tls.explain], [{ 'X-Content-Type-Options': ['nosniff'] }, true])
})

for (const name of ['HTTP_ADDR', 'HTTP_TLS', 'HTTP_TLS_KEY', 'STORAGE_FILESYSTEM_ROOTDIRECTORY', 'AUTH_HTPASSWD_PATH']) {
  test(`loadVariables refuses REGISTRY_${name}, which "lacre up" decides`, () => {
    assert.throws(() => loadVariables({ [`REGISTRY_${name}`]: 'x' }), { name: 'ConfigError' })
  })
}
