import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import type { Environment } from './environment.ts'
import { type LoadedConfig, loadConfig } from './load.ts'
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
