import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { ConfigError } from './config-error.ts'
import type { Environment } from './environment.ts'
import { defaultConfig, type LoadedConfig, loadConfig } from './load.ts'
import { flatten } from './sources.ts'

const folder = await mkdtemp(join(tmpdir(), 'config-'))
after(() => rm(folder, { recursive: true }))
const path = join(folder, 'config.yml')

/** The smallest file: what it does not say is a default. */
const SMALL = 'version: 0.1\nstorage: {filesystem: {rootdirectory: /data}}\nhttp: {addr: ":5000"}\n'

async function load(text: string | undefined, environment: Environment = {}): Promise<LoadedConfig> {
  if (text === undefined) return await loadConfig({ environment, defaults: 'registry2' })
  await writeFile(path, text)
  return await loadConfig({ path, environment })
}

async function loadAll(text: string | undefined, environment: Environment) {
  const loaded = await load(text, environment)
  const values = Object.fromEntries(flatten(loaded.config).map(([key, value]) => [key.join('.'), value]))
  return { ...loaded, values }
}

type Row = readonly [what: string, file: string | undefined, environment: Environment, values: Readonly<Record<string, unknown>>]

const HOUR = 3_600_000
const without = undefined // no file: registry:2's own configuration

const effective: readonly Row[] = [
  ['nothing gives registry:2', without, {}, { 'http.addr': ':5000', 'storage.filesystem.rootdirectory': '/var/lib/registry', 'storage.delete.enabled': false }],
  ['nothing gives the nosniff header', without, {}, { 'http.headers.X-Content-Type-Options': ['nosniff'], 'log.fields.service': 'registry' }],
  [
    'nothing purges uploads after a week',
    without,
    {},
    { 'storage.maintenance.uploadpurging.age': 168 * HOUR, 'storage.maintenance.uploadpurging.interval': 24 * HOUR },
  ],
  ['nothing asks nobody for a password', without, {}, { 'auth.htpasswd.realm': undefined }],
  ['nothing keeps garbage a day and does not collect', without, {}, { 'lacre.gc.grace': 24 * HOUR, 'lacre.gc.interval': 0 }],
  ['a file stands alone', SMALL, {}, { 'http.headers.X-Content-Type-Options': undefined, 'log.fields.service': undefined, 'log.level': 'info' }],
  [
    'text that is a number stays as written',
    `${SMALL}auth: {htpasswd: {realm: 0123, path: 077}}`,
    {},
    { 'auth.htpasswd.realm': '0123', 'auth.htpasswd.path': '077' },
  ],
  ['text that is a boolean stays as written', SMALL, { REGISTRY_HTTP_SECRET: 'yes' }, { 'http.secret': 'yes' }],
  ['text that is a time stays as written', SMALL, { REGISTRY_HTTP_SECRET: '22:30' }, { 'http.secret': '22:30' }],
  ['yes is true', SMALL, { REGISTRY_HTTP_RELATIVEURLS: 'yes' }, { 'http.relativeurls': true }],
  ['y is true', SMALL, { REGISTRY_HTTP_RELATIVEURLS: 'y' }, { 'http.relativeurls': true }],
  ['On is true', SMALL, { REGISTRY_HTTP_RELATIVEURLS: 'On' }, { 'http.relativeurls': true }],
  ['TRUE is true', SMALL, { REGISTRY_HTTP_RELATIVEURLS: 'TRUE' }, { 'http.relativeurls': true }],
  ['off is false', SMALL, { REGISTRY_HTTP_RELATIVEURLS: 'off' }, { 'http.relativeurls': false }],
  ['a key may be a word of YAML 1.1', `${SMALL}log: {fields: {on: no, y: 1}}`, {}, { 'log.fields.on': 'no', 'log.fields.y': '1' }],
  [
    'an alias and a merge key',
    `x: &x {addr: ":1", prefix: /a}\nversion: 0.1\nstorage: filesystem\nhttp: {<<: *x, prefix: /b}`,
    {},
    { 'http.addr': ':1', 'http.prefix': '/b' },
  ],
  ['storage as a word', 'version: 0.1\nstorage: filesystem\nhttp: {addr: ":1"}', {}, { 'storage.filesystem.rootdirectory': '/var/lib/registry' }],
  ['storage without parameters', 'version: 0.1\nstorage:\n  filesystem:\nhttp: {addr: ":1"}', {}, { 'storage.filesystem.rootdirectory': '/var/lib/registry' }],
  ['version as text', SMALL.replace('0.1', "'0.1'"), {}, { version: '0.1' }],
  ['the old loglevel', `${SMALL}loglevel: debug`, {}, { 'log.level': 'debug' }],
  ['log.level before loglevel', `${SMALL}loglevel: debug\nlog: {level: warn}`, {}, { 'log.level': 'warn' }],
  ['REGISTRY_LOGLEVEL', SMALL, { REGISTRY_LOGLEVEL: 'error' }, { 'log.level': 'error' }],
  ['a level in capitals', SMALL, { REGISTRY_LOG_LEVEL: 'INFO' }, { 'log.level': 'info' }],
  ['the access log off', SMALL, { REGISTRY_LOG_ACCESSLOG_DISABLED: 'true' }, { 'log.accesslog.disabled': true }],
  ['a field of the log', SMALL, { REGISTRY_LOG_FIELDS_Environment: 'staging' }, { 'log.fields.environment': 'staging' }],
  [
    'a mission: htpasswd and TLS',
    without,
    mission('/certs/registry.ca.crt'),
    { 'http.addr': '0.0.0.0:443', 'auth.htpasswd.realm': 'Registry Realm', 'auth.htpasswd.path': '/auth/htpasswd' },
  ],
  [
    'a mission: the key and certificate',
    without,
    mission('/certs/domain.crt'),
    { 'http.tls.certificate': '/certs/domain.crt', 'http.tls.key': '/certs/k', 'http.tls.minimumtls': 'tls1.2' },
  ],
  ['a mission: data elsewhere', without, { REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY: '/data' }, { 'storage.filesystem.rootdirectory': '/data' }],
  ['a child alone creates auth.htpasswd', SMALL, { REGISTRY_AUTH_HTPASSWD_PATH: '/p', REGISTRY_AUTH_HTPASSWD_REALM: 'r' }, { 'auth.htpasswd.path': '/p' }],
  [
    'REGISTRY_AUTH before its children, in any order',
    SMALL,
    { REGISTRY_AUTH_HTPASSWD_REALM: 'r', REGISTRY_AUTH_HTPASSWD_PATH: '/p', REGISTRY_AUTH: 'htpasswd' },
    { 'auth.htpasswd.realm': 'r' },
  ],
  [
    'REGISTRY_AUTH replaces the section',
    `${SMALL}auth: {token: {realm: t}}`,
    { REGISTRY_AUTH: '{htpasswd: {realm: r, path: /p}}' },
    { 'auth.htpasswd.path': '/p' },
  ],
  ['REGISTRY_AUTH=none lets everybody in', SMALL, { REGISTRY_AUTH: 'none' }, { 'auth.htpasswd.realm': undefined }],
  ['an empty auth lets everybody in', `${SMALL}auth: {}`, {}, { 'auth.htpasswd.realm': undefined }],
  [
    'REGISTRY_STORAGE drops the section of the file',
    `${SMALL.replace('}}', '}, delete: {enabled: true}}')}`,
    { REGISTRY_STORAGE: 'filesystem' },
    { 'storage.delete.enabled': false, 'storage.filesystem.rootdirectory': '/var/lib/registry' },
  ],
  [
    'REGISTRY_STORAGE replaces another driver',
    'version: 0.1\nstorage: {s3: {bucket: b}}\nhttp: {addr: ":1"}',
    { REGISTRY_STORAGE: 'filesystem', REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY: '/d' },
    { 'storage.filesystem.rootdirectory': '/d' },
  ],
  ['deletion on', without, { REGISTRY_STORAGE_DELETE_ENABLED: 'true' }, { 'storage.delete.enabled': true }],
  ['deletion as a map', without, { REGISTRY_STORAGE_DELETE: '{enabled: true}' }, { 'storage.delete.enabled': true }],
  ['deletion in quotes stays off', without, { REGISTRY_STORAGE_DELETE_ENABLED: '"true"' }, { 'storage.delete.enabled': false }],
  ['deletion in quotes in the file stays off', SMALL.replace('}}', '}, delete: {enabled: "true"}}'), {}, { 'storage.delete.enabled': false }],
  ['deletion as 1 stays off', without, { REGISTRY_STORAGE_DELETE_ENABLED: '1' }, { 'storage.delete.enabled': false }],
  ['read-only as a map in JSON', without, { REGISTRY_STORAGE_MAINTENANCE_READONLY: '{"enabled":true}' }, { 'storage.maintenance.readonly.enabled': true }],
  ['read-only by its own name', without, { REGISTRY_STORAGE_MAINTENANCE_READONLY_ENABLED: 'true' }, { 'storage.maintenance.readonly.enabled': true }],
  [
    'purging off in a file that has it',
    SMALL.replace('}}', '}, maintenance: {uploadpurging: {enabled: true, age: 1h}}}'),
    { REGISTRY_STORAGE_MAINTENANCE_UPLOADPURGING_ENABLED: 'false' },
    { 'storage.maintenance.uploadpurging.enabled': false, 'storage.maintenance.uploadpurging.age': HOUR },
  ],
  ['purging with a dry run', without, { REGISTRY_STORAGE_MAINTENANCE_UPLOADPURGING_DRYRUN: 'true' }, { 'storage.maintenance.uploadpurging.dryrun': true }],
  ['a duration in Go syntax', SMALL, { REGISTRY_HTTP_DRAINTIMEOUT: '1m30s' }, { 'http.draintimeout': 90_000 }],
  ['a duration with a fraction', SMALL, { REGISTRY_HTTP_DRAINTIMEOUT: '1.5h' }, { 'http.draintimeout': 1.5 * HOUR }],
  ['a duration as integer is nanoseconds', SMALL, { REGISTRY_HTTP_DRAINTIMEOUT: '60000000000' }, { 'http.draintimeout': 60_000 }],
  ['a duration of 0', SMALL, { REGISTRY_HTTP_DRAINTIMEOUT: '0' }, { 'http.draintimeout': 0 }],
  ['a list in YAML', SMALL, { REGISTRY_HTTP_TLS_CLIENTCAS: '[/a.pem, /b.pem]' }, { 'http.tls.clientcas': ['/a.pem', '/b.pem'] }],
  [
    'a list by indexes',
    SMALL,
    { REGISTRY_HTTP_TLS_CLIENTCAS_0: '/a.pem', REGISTRY_HTTP_TLS_CLIENTCAS_1: '/b.pem' },
    { 'http.tls.clientcas': ['/a.pem', '/b.pem'] },
  ],
  [
    'an index over an item of the file',
    `${SMALL.replace('"}', '", tls: {clientcas: [/a, /b]}}')}`,
    { REGISTRY_HTTP_TLS_CLIENTCAS_1: '/c' },
    { 'http.tls.clientcas': ['/a', '/c'] },
  ],
  ['one text where a list goes', SMALL, { REGISTRY_HTTP_TLS_CLIENTCAS: '/a.pem' }, { 'http.tls.clientcas': ['/a.pem'] }],
  ['a header with dashes', SMALL, { 'REGISTRY_HTTP_HEADERS_Access-Control-Allow-Origin': "['*']" }, { 'http.headers.access-control-allow-origin': ['*'] }],
  [
    'a header of the file in another case is replaced',
    without,
    { 'REGISTRY_HTTP_HEADERS_X-CONTENT-TYPE-OPTIONS': '[none]' },
    { 'http.headers.X-Content-Type-Options': ['none'] },
  ],
  [
    'all headers at once',
    without,
    { REGISTRY_HTTP_HEADERS: '{X-A: [b, c]}' },
    { 'http.headers.X-A': ['b', 'c'], 'http.headers.X-Content-Type-Options': undefined },
  ],
  ['a section at once, with nothing of the old one', SMALL, { REGISTRY_HTTP: '{addr: ":1"}' }, { 'http.addr': ':1', 'http.secret': undefined }],
  ['an empty variable unsets', `${SMALL}log: {level: debug}`, { REGISTRY_LOG_LEVEL: '' }, { 'log.level': 'info' }],
  ['client authentication', SMALL, { REGISTRY_HTTP_TLS_CLIENTAUTH: 'verify-client-cert-if-given' }, { 'http.tls.clientauth': 'verify-client-cert-if-given' }],
  ['TLS 1.0 as minimum becomes 1.2', SMALL, { REGISTRY_HTTP_TLS_MINIMUMTLS: 'tls1.0' }, { 'http.tls.minimumtls': 'tls1.2' }],
  ['TLS 1.3 as minimum', SMALL, { REGISTRY_HTTP_TLS_MINIMUMTLS: 'tls1.3' }, { 'http.tls.minimumtls': 'tls1.3' }],
  [
    'cipher suites',
    SMALL,
    { REGISTRY_HTTP_TLS_CIPHERSUITES: '[TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256]' },
    { 'http.tls.ciphersuites': ['TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256'] },
  ],
  ['a unix socket', SMALL, { REGISTRY_HTTP_NET: 'unix', REGISTRY_HTTP_ADDR: '/run/r.sock' }, { 'http.net': 'unix', 'http.addr': '/run/r.sock' }],
  ['a host without the slash behind', SMALL, { REGISTRY_HTTP_HOST: 'https://registry.test:5000/' }, { 'http.host': 'https://registry.test:5000' }],
  ['a host that is no URL is ignored', SMALL, { REGISTRY_HTTP_HOST: 'registry.test:5000' }, { 'http.host': undefined }],
  ['a prefix with slashes on both sides', SMALL, { REGISTRY_HTTP_PREFIX: '/a/b/' }, { 'http.prefix': '/a/b' }],
  ['a prefix without slashes', SMALL, { REGISTRY_HTTP_PREFIX: 'a' }, { 'http.prefix': '/a' }],
  [
    'the debug listener',
    SMALL,
    { REGISTRY_HTTP_DEBUG_ADDR: ':5001', REGISTRY_HTTP_DEBUG_PROMETHEUS_ENABLED: 'true' },
    { 'http.debug.addr': ':5001', 'http.debug.prometheus.enabled': true, 'http.debug.prometheus.path': '/metrics' },
  ],
  ['the catalog by default for 0 and less', SMALL, { REGISTRY_CATALOG_MAXENTRIES: '-1' }, { 'catalog.maxentries': 1000 }],
  ['pages', SMALL, { REGISTRY_CATALOG_MAXENTRIES: '50', REGISTRY_TAGS_MAXTAGS: '1_000_000' }, { 'catalog.maxentries': 50, 'tags.maxtags': 1_000_000 }],
  ['our own keys', SMALL, { REGISTRY_LACRE_GC_GRACE: '1h' }, { 'lacre.gc.grace': HOUR }],
  ['the variables of a Kubernetes service', SMALL, kubernetes('REGISTRY'), { 'http.addr': ':5000' }],
  ['the variables of a Kubernetes service called registry-auth', SMALL, kubernetes('REGISTRY_AUTH'), { 'auth.htpasswd.realm': undefined }],
  ["podman's REGISTRY_AUTH_FILE is not ours", SMALL, { REGISTRY_AUTH_FILE: '/run/auth.json' }, { 'http.addr': ':5000' }],
  ['an unknown variable is ignored', SMALL, { REGISTRY_HTPP_ADDR: ':1' }, { 'http.addr': ':5000' }],
  ['a variable below a value is ignored', SMALL, { REGISTRY_HTTP_ADDR_PORT: '1' }, { 'http.addr': ':5000' }],
  ['a variable in small letters is ignored', SMALL, { REGISTRY_http_addr: ':1' }, { 'http.addr': ':5000' }],
  ['another program’s variable', SMALL, { REGISTRYHTTP_ADDR: ':1', XREGISTRY_HTTP_ADDR: ':2' }, { 'http.addr': ':5000' }],
]

function mission(certificate: string): Environment {
  return {
    REGISTRY_AUTH: 'htpasswd',
    REGISTRY_AUTH_HTPASSWD_REALM: 'Registry Realm',
    REGISTRY_AUTH_HTPASSWD_PATH: '/auth/htpasswd',
    REGISTRY_HTTP_ADDR: '0.0.0.0:443',
    REGISTRY_HTTP_TLS_CERTIFICATE: certificate,
    REGISTRY_HTTP_TLS_KEY: '/certs/k',
  }
}

function kubernetes(service: string): Environment {
  const port = `${service}_PORT_5000_TCP`
  return {
    [`${service}_SERVICE_HOST`]: '10.0.0.1',
    [`${service}_SERVICE_PORT`]: '5000',
    [`${service}_SERVICE_PORT_HTTPS`]: '5000',
    [`${service}_PORT`]: 'tcp://10.0.0.1:5000',
    [port]: 'tcp://10.0.0.1:5000',
    [`${port}_PROTO`]: 'tcp',
    [`${port}_PORT`]: '5000',
    [`${port}_ADDR`]: '10.0.0.1',
  }
}

for (const [what, file, environment, expected] of effective) {
  test(`configuration: ${what}`, async () => {
    const { values } = await loadAll(file, environment)
    assert.deepEqual(Object.fromEntries(Object.keys(expected).map((key) => [key, values[key]])), expected)
  })
}

const silent: readonly (readonly [what: string, file: string | undefined, environment: Environment])[] = [
  ["registry:2's own configuration", without, {}],
  ['the variables of a Kubernetes service', SMALL, kubernetes('REGISTRY')],
  ['what needs no support', `${SMALL}health: {storagedriver: {enabled: true}}\nproxy: {remoteurl: ''}\nredis: {}\nnotifications: {endpoints: []}`, {}],
  ['switched off schema 1 and HTTP/2', `${SMALL}compatibility: {schema1: {enabled: false}}`, { REGISTRY_HTTP_HTTP2_DISABLED: 'true' }],
  ['podman’s credentials file', SMALL, { REGISTRY_AUTH_FILE: '/x' }],
]
for (const [what, file, environment] of silent) {
  test(`configuration: no warning for ${what}`, async () => assert.deepEqual((await load(file, environment)).warnings, []))
}

const warned: readonly (readonly [what: string, text: RegExp, file: string | undefined, environment: Environment])[] = [
  [
    'an unknown key, with its line and the nearest one',
    /^http\.adr is .*config\.yml:4.*did you mean http\.addr\?$/,
    `${SMALL.replace('http: {addr: ":5000"}', 'http:\n  adr: 1\n  addr: :1')}`,
    {},
  ],
  ['an unknown variable, with the nearest one', /^REGISTRY_HTPP_ADDR .*did you mean REGISTRY_HTTP_ADDR\?$/, SMALL, { REGISTRY_HTPP_ADDR: ':1' }],
  ['a key in the wrong section', /^rootdirectory is .*did you mean storage\.filesystem\.rootdirectory\?$/, `${SMALL}rootdirectory: /x`, {}],
  ['a key that is written twice', /^log is written twice.*config\.yml:5/, `${SMALL}log: {level: warn}\nlog: {level: info}`, {}],
  [
    'deletion in quotes',
    /^storage\.delete\.enabled is not true or false.*REGISTRY_STORAGE_DELETE_ENABLED/,
    SMALL,
    { REGISTRY_STORAGE_DELETE_ENABLED: "'true'" },
  ],
  ['redis', /^redis is not used/, SMALL, { REGISTRY_REDIS_ADDR: 'redis:6379' }],
  ['notifications', /^notifications\.endpoints is not supported/, SMALL, { REGISTRY_NOTIFICATIONS_ENDPOINTS: '[{name: a, url: http://x}]' }],
  ["a check by Go's name", /^health\.file is not supported/, SMALL, { REGISTRY_HEALTH_FILECHECKERS_0_FILE: '/tmp/down' }],
  ['rules about urls', /^validation\.manifests is not enforced/, SMALL, { REGISTRY_VALIDATION_MANIFESTS_URLS_DENY: '[x]' }],
  ['TLS below 1.2', /^http\.tls\.minimumtls is tls1\.1/, SMALL, { REGISTRY_HTTP_TLS_MINIMUMTLS: 'tls1.1' }],
  ['authorities of clients without HTTPS', /^http\.tls\.clientcas has no effect/, SMALL, { REGISTRY_HTTP_TLS_CLIENTCAS: '[/a]' }],
  ['a duration without a unit', /^http\.draintimeout is 60 nanoseconds: write 60s/, SMALL, { REGISTRY_HTTP_DRAINTIMEOUT: '60' }],
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

const refused: readonly (readonly [what: string, key: string, file: string | undefined, environment: Environment])[] = [
  ['no version', 'version', SMALL.replace('version: 0.1\n', ''), {}],
  ['another version', 'version', SMALL.replace('0.1', '0.2'), {}],
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
  ["Let's Encrypt", 'http.tls.letsencrypt', SMALL, { REGISTRY_HTTP_TLS_LETSENCRYPT_EMAIL: 'a@b.c' }],
  ['middleware', 'middleware', `${SMALL}middleware: {storage: [{name: cloudfront}]}`, {}],
  ['no address', 'http.addr', SMALL.replace('{addr: ":5000"}', '{secret: x}'), {}],
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

for (const [what, file] of [
  ['an empty file', ''],
  ['a file that is a list', '- a'],
  ['an alias inside its own anchor', 'version: 0.1\nhttp: &a {b: *a}'],
] as const) {
  test(`configuration: ${what} is an error, not a crash`, async () => void (await problemsOf(load(file))))
}

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

test('defaultConfig takes values of ours, durations in milliseconds', () => {
  const config = defaultConfig({
    http: { addr: ':8443', draintimeout: 10_000 },
    storage: { delete: { enabled: true } },
    auth: { htpasswd: { realm: 'r', path: '/p' } },
  })
  assert.deepEqual([config.http.addr, config.http.draintimeout, config.storage.delete.enabled, config.auth.htpasswd?.path], [':8443', 10_000, true, '/p'])
  assert.deepEqual(config.http.headers, { 'X-Content-Type-Options': ['nosniff'] })
})
