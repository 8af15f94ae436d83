/**
 * A configuration, what lacre makes of it, and what a real docker-registry 2.8.2 is seen to do with it. `@root`, `@addr`, `@debug` and
 * `@folder` stand for the volume, the addresses, and a folder with `htpasswd` (user:p4ssw0rd), `registry_auth.crt` and `registry_auth.key`.
 */
export interface ConfigCase {
  readonly what: string
  /** The file's text. */
  readonly file: string
  readonly environment: Readonly<Record<string, string>>
  /** Effective keys, durations in milliseconds; `undefined` for one that is not there. */
  readonly values?: Readonly<Record<string, unknown>>
  /** The key of a problem: lacre does not start. */
  readonly refused?: string
  /** Matches the only warning. Without it there is none. */
  readonly warned?: RegExp
  /** Absent where nothing can be observed from outside. */
  readonly theirs?: Sight
  /** Where lacre is seen to do otherwise, and why. */
  readonly ours?: Sight
  readonly why?: string
}

/** What is seen of a server from outside. Keys that are not named do not matter. */
export interface Sight {
  readonly starts?: boolean
  /** Some line of its output matches. */
  readonly says?: RegExp
  /** Whether an access log is on stdout. */
  readonly logsAccess?: boolean
  /** The log on stderr. */
  readonly form?: 'text' | 'json' | 'logstash'
  readonly scheme?: 'http' | 'https'
  readonly speaksTls12?: boolean
  /** Statuses: GET /v2/, GET /, GET /below/v2/, GET /v2/ as user:p4ssw0rd, POST of an upload, DELETE of a manifest that is not there, GET of three pages. */
  readonly ping?: number
  readonly root?: number
  readonly below?: number
  readonly login?: number
  readonly post?: number
  readonly delete?: number
  readonly catalog5?: number
  /** The challenge of `/v2/` without credentials. */
  readonly challenge?: string
  /** What comes before `/v2/` in the Location of an upload. */
  readonly location?: string
  /** Headers of `/v2/`, absent ones as ''. */
  readonly nosniff?: string
  readonly xa?: string
  /** Whether the pushed upload lies below `@root`. */
  readonly writesToRoot?: boolean
  /** Statuses on the debug address; 0 when nobody answers there. */
  readonly health?: number
  readonly metrics?: number
  readonly telemetry?: number
}

/** The smallest file: what it does not say is a default. */
const SMALL = `version: 0.1
storage: {filesystem: {rootdirectory: "@root"}}
http: {addr: "@addr"}
`

/** What registry:2 has in its image, with our places. */
const REGISTRY_2 = `version: 0.1
log: {fields: {service: registry}}
storage: {cache: {blobdescriptor: inmemory}, filesystem: {rootdirectory: "@root"}}
http: {addr: "@addr", headers: {X-Content-Type-Options: [nosniff]}}
health: {storagedriver: {enabled: true, interval: 10s, threshold: 3}}
`

type Environment = ConfigCase['environment']
type Rest = Omit<ConfigCase, 'what' | 'file' | 'environment'>

const HOUR = 3_600_000
const small = (what: string, environment: Environment, rest: Rest): ConfigCase => ({ what, file: SMALL, environment, ...rest })
const image = (what: string, environment: Environment, rest: Rest): ConfigCase => ({ what, file: REGISTRY_2, environment, ...rest })
/** The small file with more lines at its end. */
const more = (what: string, lines: string, rest: Rest): ConfigCase => ({ what, file: `${SMALL}${lines}\n`, environment: {}, ...rest })
/** The small file with more in its section `http` or `storage`. */
const http = (what: string, keys: string, rest: Rest): ConfigCase => ({ what, file: SMALL.replace('"@addr"}', `"@addr", ${keys}}`), environment: {}, ...rest })
const storage = (what: string, keys: string, rest: Rest): ConfigCase => ({ what, file: SMALL.replace('}}', `}, ${keys}}`), environment: {}, ...rest })
const starting = { starts: true } as const
const failing = { starts: false } as const

const files: readonly ConfigCase[] = [
  image(
    "registry:2's own file",
    {},
    {
      values: { 'http.addr': '@addr', 'storage.filesystem.rootdirectory': '@root', 'storage.delete.enabled': false, 'auth.htpasswd.realm': undefined },
      theirs: {
        ping: 200,
        root: 200,
        post: 202,
        delete: 405,
        nosniff: 'nosniff',
        form: 'text',
        logsAccess: true,
        writesToRoot: true,
        says: /service=registry/,
      },
    },
  ),
  small(
    'the smallest file',
    {},
    {
      values: { 'log.level': 'info', 'log.fields.service': undefined },
      theirs: { ping: 200, nosniff: '' },
      ours: { nosniff: 'nosniff' },
      why: 'lacre says it always',
    },
  ),
  { what: 'no version', file: SMALL.replace('version: 0.1\n', ''), environment: {}, refused: 'version', theirs: failing },
  {
    what: 'another version',
    file: SMALL.replace('0.1', '0.2'),
    environment: {},
    refused: 'version',
    theirs: { starts: false, says: /unsupported version/ },
    ours: { says: /version takes 0\.1, not 0\.2/ },
    why: 'the key and the line are named',
  },
  { what: 'a version as text', file: SMALL.replace('0.1', "'0.1'"), environment: {}, values: { version: '0.1' }, theirs: starting },
  {
    what: 'storage as a word',
    file: SMALL.replace(/storage: .*/, 'storage: filesystem'),
    environment: { REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY: '@root' },
    values: { 'storage.filesystem.rootdirectory': '@root' },
    theirs: { post: 202, writesToRoot: true },
  },
  {
    what: 'no storage',
    file: SMALL.replace(/storage: .*\n/, ''),
    environment: {},
    refused: 'storage',
    theirs: { starts: false, says: /no storage configuration provided/ },
    ours: { says: /storage names no driver/ },
    why: 'the remedy is told',
  },
  {
    what: 'storage without a driver',
    file: SMALL.replace(/storage: .*/, 'storage: {delete: {enabled: true}}'),
    environment: {},
    refused: 'storage',
    theirs: failing,
  },
  {
    what: 'no http section',
    file: SMALL.replace(/http: .*\n/, ''),
    environment: { REGISTRY_HTTP_ADDR: '@addr' },
    values: { 'http.addr': '@addr' },
    theirs: { ping: 200 },
  },
  more('a key that nobody knows', 'htpp: {addr: ":1"}', { warned: /^htpp is no known key.*config\.yml:4.*did you mean http\?$/, theirs: starting }),
  http('a key in the wrong section', 'level: debug', { warned: /^http\.level is no known key.*did you mean log\.level\?$/, theirs: starting }),
  more('a key that is written twice', 'log: {level: warn}\nlog: {level: debug}', {
    values: { 'log.level': 'debug' },
    warned: /^log is written twice/,
    theirs: { says: /level=debug/ },
  }),
  more('two documents', '---\nhttp: {prefix: /below}', { values: { 'http.prefix': '' }, warned: /only the first document counts/, theirs: { ping: 200 } }),
  more('an alias and a merge key', 'x: &x {level: debug}\nlog: {<<: *x, formatter: json}', {
    values: { 'log.level': 'debug', 'log.formatter': 'json' },
    warned: /^x is no known key/,
    theirs: { form: 'json', says: /"level":"debug"/ },
  }),
  // biome-ignore lint/suspicious/noTemplateCurlyInString: it is not filled in
  http('what a shell would fill in', 'headers: {X-A: ["${HOME}"]}', { values: { 'http.headers.X-A': ['${HOME}'] }, theirs: { xa: '${HOME}' } }),
  { what: 'the ends of lines of Windows', file: SMALL.replaceAll('\n', '\r\n'), environment: {}, values: { 'http.addr': '@addr' }, theirs: { ping: 200 } },
  { what: 'a byte order mark', file: `\ufeff${SMALL}`, environment: {}, values: { 'http.addr': '@addr' }, theirs: { ping: 200 } },
  { what: 'tabs as indentation', file: SMALL.replace('http: {addr', 'http:\n\t{addr'), environment: {}, refused: '', theirs: failing },
  { what: 'an empty file', file: '', environment: {}, refused: 'config.yml', theirs: failing },
  { what: 'a list', file: '- a\n', environment: {}, refused: 'config.yml', theirs: failing },
  { what: 'an anchor that there is not', file: `${SMALL}log: *a\n`, environment: {}, refused: 'config.yml', theirs: failing },
  { what: 'an alias inside its own anchor', file: `${SMALL}log: &a {fields: *a}\n`, environment: {}, refused: 'config.yml', theirs: failing },
]

const values: readonly ConfigCase[] = [
  ...['yes', 'y', 'On', 'TRUE', 'true'].map((word) =>
    small(`${word} is true`, { REGISTRY_HTTP_RELATIVEURLS: word }, { values: { 'http.relativeurls': true }, theirs: { location: '' } }),
  ),
  ...['off', 'No', 'n', 'FALSE', ''].map((word) =>
    small(
      `${JSON.stringify(word)} is false`,
      { REGISTRY_HTTP_RELATIVEURLS: word },
      { values: { 'http.relativeurls': false }, theirs: { location: 'http://@addr' } },
    ),
  ),
  small('a boolean in quotes', { REGISTRY_HTTP_RELATIVEURLS: '"true"' }, { refused: 'http.relativeurls', theirs: failing }),
  small('a number where a boolean goes', { REGISTRY_HTTP_RELATIVEURLS: '1' }, { refused: 'http.relativeurls', theirs: failing }),
  http('a text that is a boolean', 'secret: yes', { values: { 'http.secret': 'yes' }, theirs: starting }),
  small('a text that is a number', { REGISTRY_HTTP_SECRET: '0123' }, { values: { 'http.secret': '0123' }, theirs: starting }),
  http('a header that is a boolean', 'headers: {X-A: [yes]}', { values: { 'http.headers.X-A': ['yes'] }, theirs: { xa: 'yes' } }),
  http('a header that is an octal number', 'headers: {X-A: [0123]}', { values: { 'http.headers.X-A': ['0123'] }, theirs: { xa: '0123' } }),
  small('an octal number', { REGISTRY_CATALOG_MAXENTRIES: '03' }, { values: { 'catalog.maxentries': 3 }, theirs: { catalog5: 400 } }),
  small('a number of minutes and seconds', { REGISTRY_CATALOG_MAXENTRIES: '1:30' }, { refused: 'catalog.maxentries', theirs: failing }),
  small('a number in quotes', { REGISTRY_CATALOG_MAXENTRIES: '"3"' }, { refused: 'catalog.maxentries', theirs: failing }),
  small('a null', { REGISTRY_LOG_LEVEL: '~' }, { values: { 'log.level': 'info' }, theirs: starting }),
  small('a duration', { REGISTRY_HTTP_DRAINTIMEOUT: '1m30s' }, { values: { 'http.draintimeout': 90_000 }, theirs: starting }),
  small('a duration with a fraction', { REGISTRY_HTTP_DRAINTIMEOUT: '1.5h' }, { values: { 'http.draintimeout': 1.5 * HOUR }, theirs: starting }),
  small('a duration without a unit, nanoseconds', { REGISTRY_HTTP_DRAINTIMEOUT: '60000000000' }, { values: { 'http.draintimeout': 60_000 }, theirs: starting }),
  small(
    'a duration of a few nanoseconds',
    { REGISTRY_HTTP_DRAINTIMEOUT: '60' },
    { values: { 'http.draintimeout': 1 }, warned: /^http\.draintimeout is 60 nanoseconds/, theirs: starting },
  ),
  small('a duration without a unit, in quotes', { REGISTRY_HTTP_DRAINTIMEOUT: '"5"' }, { refused: 'http.draintimeout', theirs: failing }),
  small('a duration of days', { REGISTRY_HTTP_DRAINTIMEOUT: '7d' }, { refused: 'http.draintimeout', theirs: failing }),
  small('a duration below zero', { REGISTRY_HTTP_DRAINTIMEOUT: '-5s' }, { refused: 'http.draintimeout', theirs: starting, why: 'it cannot be meant' }),
  small('a value that is no YAML', { REGISTRY_HTTP_SECRET: '[a' }, { refused: 'http.secret', theirs: failing }),
  small('a list where a text goes', { REGISTRY_HTTP_HOST: '[a]' }, { refused: 'http.host', theirs: failing }),
]

const variables: readonly ConfigCase[] = [
  small('one variable', { REGISTRY_HTTP_PREFIX: '/below/' }, { values: { 'http.prefix': '/below' }, theirs: { ping: 404, below: 200 } }),
  {
    what: 'a variable over the file',
    file: SMALL.replace('"@addr"', '"127.0.0.1:1"'),
    environment: { REGISTRY_HTTP_ADDR: '@addr' },
    values: { 'http.addr': '@addr' },
    theirs: { ping: 200 },
  },
  small(
    'a whole section, with nothing of the old one',
    { REGISTRY_HTTP: '{addr: "@addr", prefix: /below/}' },
    { values: { 'http.prefix': '/below' }, theirs: { below: 200 } },
  ),
  small(
    'a section before what is in it, in any order',
    { REGISTRY_HTTP_PREFIX: '/below/', REGISTRY_HTTP: '{addr: "@addr", relativeurls: true}' },
    { values: { 'http.prefix': '/below', 'http.relativeurls': true }, theirs: { below: 200 } },
  ),
  small(
    'REGISTRY_AUTH before what is in it',
    { REGISTRY_AUTH_HTPASSWD_REALM: 'a realm', REGISTRY_AUTH_HTPASSWD_PATH: '@folder/htpasswd', REGISTRY_AUTH: 'htpasswd' },
    { values: { 'auth.htpasswd.realm': 'a realm' }, theirs: { ping: 401, login: 200, challenge: 'Basic realm="a realm"' } },
  ),
  small(
    'htpasswd without REGISTRY_AUTH',
    { REGISTRY_AUTH_HTPASSWD_REALM: 'r', REGISTRY_AUTH_HTPASSWD_PATH: '@folder/htpasswd' },
    { values: { 'auth.htpasswd.path': '@folder/htpasswd' }, theirs: { ping: 401, login: 200 } },
  ),
  {
    what: 'REGISTRY_AUTH replaces the section',
    file: `${SMALL}auth: {silly: {realm: r, service: s}}\n`,
    environment: { REGISTRY_AUTH: '{htpasswd: {realm: r, path: "@folder/htpasswd"}}' },
    values: { 'auth.htpasswd.realm': 'r' },
    theirs: { ping: 401, login: 200 },
  },
  {
    what: 'REGISTRY_STORAGE drops the section of the file',
    file: SMALL.replace('}}', '}, delete: {enabled: true}}'),
    environment: { REGISTRY_STORAGE: 'filesystem', REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY: '@root' },
    values: { 'storage.delete.enabled': false },
    theirs: { delete: 405, writesToRoot: true },
  },
  {
    what: 'REGISTRY_STORAGE replaces another driver',
    file: SMALL.replace(/storage: .*/, 'storage: {inmemory: {}}'),
    environment: { REGISTRY_STORAGE: 'filesystem', REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY: '@root' },
    values: { 'storage.filesystem.rootdirectory': '@root' },
    theirs: { writesToRoot: true },
  },
  small('an unset REGISTRY_STORAGE', { REGISTRY_STORAGE: '' }, { refused: 'storage', theirs: failing }),
  small(
    'a second driver',
    { REGISTRY_STORAGE_S3_BUCKET: 'b' },
    {
      refused: 'storage',
      theirs: { starts: false, says: /multiple storage drivers specified/ },
      ours: { says: /storage names more than one driver: filesystem, s3/ },
      why: 'a sentence instead of a panic',
    },
  ),
  {
    what: 'a map key of the file, matched in capitals',
    file: SMALL.replace('}}', '}, delete: {enabled: true}}'),
    environment: { REGISTRY_STORAGE_DELETE: '{enabled: false}' },
    values: { 'storage.delete.enabled': false },
    theirs: { delete: 405 },
  },
  small('a header with dashes', { 'REGISTRY_HTTP_HEADERS_X-A': '[b]' }, { values: { 'http.headers.x-a': ['b'] }, theirs: { xa: 'b' } }),
  small('a header as a list of two', { 'REGISTRY_HTTP_HEADERS_X-A': '[b, c]' }, { values: { 'http.headers.x-a': ['b', 'c'] }, theirs: { xa: 'b, c' } }),
  small('all headers at once', { REGISTRY_HTTP_HEADERS: '{X-A: [b]}' }, { values: { 'http.headers.X-A': ['b'] }, theirs: { xa: 'b' } }),
  small(
    'a header that is one text',
    { 'REGISTRY_HTTP_HEADERS_X-A': 'b' },
    { values: { 'http.headers.x-a': ['b'] }, theirs: failing, ours: { starts: true, xa: 'b' }, why: 'what is meant is clear' },
  ),
  small('a header that YAML takes for an alias', { 'REGISTRY_HTTP_HEADERS_X-A': '[*]' }, { refused: 'http.headers.x-a', theirs: failing }),
  http('a header of the file that a variable names too', 'headers: {X-A: [file]}', { values: { 'http.headers.X-A': ['file'] }, theirs: { xa: 'file' } }),
  {
    what: 'a header that the file and a variable name in two cases',
    file: SMALL.replace('"@addr"}', '"@addr", headers: {X-A: [file]}}'),
    environment: { 'REGISTRY_HTTP_HEADERS_X-A': '[variable]' },
    values: { 'http.headers.X-A': ['variable'] },
    theirs: { starts: true },
    ours: { xa: 'variable' },
    why: 'Distribution sends both, in any order',
  },
  small(
    'a list by its indexes',
    { REGISTRY_HTTP_TLS_CLIENTCAS_0: '@folder/registry_auth.crt' },
    { values: { 'http.tls.clientcas': ['@folder/registry_auth.crt'] }, warned: /^http\.tls\.clientcas has no effect/, theirs: starting },
  ),
  small(
    'an index behind the end',
    { REGISTRY_HTTP_TLS_CLIENTCAS_1: '/a' },
    { refused: 'http.tls.clientcas.1', theirs: starting, why: '2.8 has no indexes and ignores the variable; 3.x refuses it' },
  ),
  small(
    "a check by Go's name",
    { REGISTRY_HEALTH_FILECHECKERS: '[{file: "@folder/htpasswd", interval: 50ms}]' },
    { values: { 'health.file.0.interval': 50 }, theirs: { health: 0 } },
  ),
  small(
    "a list by index and Go's name",
    { REGISTRY_HEALTH_FILECHECKERS_0_FILE: '@folder/none' },
    { values: { 'health.file.0.file': '@folder/none', 'health.file.0.interval': 10_000 }, theirs: starting },
  ),
  small(
    'a variable that nobody knows',
    { REGISTRY_HTPP_ADDR: ':1' },
    {
      warned: /^REGISTRY_HTPP_ADDR sets no known key.*did you mean REGISTRY_HTTP_ADDR\?$/,
      theirs: { starts: true, says: /Ignoring unrecognized environment variable REGISTRY_HTPP_ADDR/ },
      ours: { says: /REGISTRY_HTPP_ADDR sets no known key/ },
      why: 'the nearest key is named',
    },
  ),
  small(
    'a variable below a single value',
    { REGISTRY_HTTP_ADDR_PORT: '1' },
    { values: { 'http.addr': '@addr' }, warned: /^REGISTRY_HTTP_ADDR_PORT is ignored: http\.addr is a single value$/, theirs: { ping: 200 } },
  ),
  small(
    'a variable in small letters',
    { REGISTRY_http_prefix: '/below' },
    {
      values: { 'http.prefix': '' },
      warned: /^REGISTRY_http_prefix sets no known key/,
      theirs: { ping: 200, says: /Ignoring unrecognized environment variable REGISTRY_http_prefix/ },
      ours: { says: /REGISTRY_http_prefix sets no known key/ },
      why: 'our words',
    },
  ),
  small(
    'a variable with a part in small letters',
    { REGISTRY_HTTP_prefix: '/below' },
    { values: { 'http.prefix': '' }, warned: /^REGISTRY_HTTP_prefix sets no known key/, theirs: { ping: 200 } },
  ),
  small(
    'the variables of a Kubernetes service',
    {
      REGISTRY_SERVICE_HOST: '10.0.0.1',
      REGISTRY_SERVICE_PORT: '5000',
      REGISTRY_PORT: 'tcp://10.0.0.1:5000',
      REGISTRY_PORT_5000_TCP: 'tcp://10.0.0.1:5000',
      REGISTRY_PORT_5000_TCP_ADDR: '10.0.0.1',
    },
    {
      values: { 'http.addr': '@addr' },
      theirs: { ping: 200, says: /Ignoring unrecognized environment variable REGISTRY_PORT/ },
      ours: { says: /listening on/ },
      why: 'nobody has set them, so there is nothing to say',
    },
  ),
  small(
    "podman's credentials file",
    { REGISTRY_AUTH_FILE: '/run/auth.json' },
    {
      values: { 'auth.htpasswd.realm': undefined },
      theirs: failing,
      ours: { starts: true, ping: 200 },
      why: 'it is about another program; Distribution looks for a kind of auth called file',
    },
  ),
  small('a version in the environment', { REGISTRY_VERSION: '0.2' }, { values: { version: '0.1' }, warned: /^REGISTRY_VERSION is ignored/, theirs: starting }),
  small(
    "another program's variables",
    { REGISTRYHTTP_PREFIX: '/below', XREGISTRY_HTTP_PREFIX: '/below', registry_http_prefix: '/below' },
    { values: { 'http.prefix': '' }, theirs: { ping: 200 } },
  ),
]

const logs: readonly ConfigCase[] = [
  small('a level', { REGISTRY_LOG_LEVEL: 'debug' }, { values: { 'log.level': 'debug' }, theirs: { says: /level=debug/ } }),
  small('a level in capitals', { REGISTRY_LOG_LEVEL: 'DEBUG' }, { values: { 'log.level': 'debug' }, theirs: { says: /level=debug/ } }),
  small('a level that there is not', { REGISTRY_LOG_LEVEL: 'trace' }, { refused: 'log.level', theirs: failing }),
  more('the old loglevel', 'loglevel: debug', { values: { 'log.level': 'debug' }, theirs: { says: /level=debug/ } }),
  small('REGISTRY_LOGLEVEL', { REGISTRY_LOGLEVEL: 'debug' }, { values: { 'log.level': 'debug' }, theirs: { says: /level=debug/ } }),
  more('log.level before the old loglevel', 'loglevel: error\nlog: {level: debug}', { values: { 'log.level': 'debug' }, theirs: { says: /level=debug/ } }),
  small('a JSON log', { REGISTRY_LOG_FORMATTER: 'json' }, { values: { 'log.formatter': 'json' }, theirs: { form: 'json' } }),
  small('a log for logstash', { REGISTRY_LOG_FORMATTER: 'logstash' }, { values: { 'log.formatter': 'logstash' }, theirs: { form: 'logstash' } }),
  small('a form of the log that there is not', { REGISTRY_LOG_FORMATTER: 'xml' }, { refused: 'log.formatter', theirs: failing }),
  more('fields of the log', 'log: {fields: {a: b, n: 3}}', { values: { 'log.fields.a': 'b', 'log.fields.n': '3' }, theirs: { says: /a=b .*n=3/ } }),
  small(
    'a field of the log by a variable',
    { REGISTRY_LOG_FIELDS_Environment: 'staging' },
    { values: { 'log.fields.environment': 'staging' }, theirs: { says: /environment=staging/ } },
  ),
  small('no access log', { REGISTRY_LOG_ACCESSLOG_DISABLED: 'true' }, { values: { 'log.accesslog.disabled': true }, theirs: { logsAccess: false } }),
  more('a hook', 'log: {hooks: [{type: mail, levels: [panic], options: {smtp: {addr: "127.0.0.1:1"}, from: a@b, to: [c@d]}}]}', {
    warned: /^log\.hooks is not supported: no mail is sent/,
    theirs: starting,
  }),
]

const stored: readonly ConfigCase[] = [
  small(
    'data elsewhere',
    { REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY: '@folder/elsewhere' },
    { values: { 'storage.filesystem.rootdirectory': '@folder/elsewhere' }, theirs: { post: 202, writesToRoot: false } },
  ),
  small('deletion', { REGISTRY_STORAGE_DELETE_ENABLED: 'true' }, { values: { 'storage.delete.enabled': true }, theirs: { delete: 404 } }),
  small('deletion as a map', { REGISTRY_STORAGE_DELETE: '{enabled: yes}' }, { values: { 'storage.delete.enabled': true }, theirs: { delete: 404 } }),
  small(
    'deletion in quotes',
    { REGISTRY_STORAGE_DELETE_ENABLED: '"true"' },
    { values: { 'storage.delete.enabled': false }, warned: /^storage\.delete\.enabled is not true or false/, theirs: { delete: 405 } },
  ),
  storage('deletion as a number', 'delete: {enabled: 1}', {
    values: { 'storage.delete.enabled': false },
    warned: /^storage\.delete\.enabled is not true or false/,
    theirs: { delete: 405 },
  }),
  storage('deletion as a value', 'delete: true', { refused: 'storage.delete', theirs: failing }),
  small(
    'read-only as a map in JSON',
    { REGISTRY_STORAGE_MAINTENANCE_READONLY: '{"enabled":true}' },
    { values: { 'storage.maintenance.readonly.enabled': true }, theirs: { ping: 200, post: 405 } },
  ),
  small(
    'read-only by its own name',
    { REGISTRY_STORAGE_MAINTENANCE_READONLY_ENABLED: 'true' },
    {
      values: { 'storage.maintenance.readonly.enabled': true },
      theirs: failing,
      ours: { starts: true, ping: 200, post: 405 },
      why: 'the map that 2.8 makes of the variable has keys of another type than it expects, and it panics',
    },
  ),
  storage('read-only as a value', 'maintenance: {readonly: true}', {
    refused: 'storage.maintenance.readonly',
    theirs: { starts: false, says: /readonly config key must contain additional keys/ },
    ours: { says: /storage\.maintenance\.readonly takes keys below it/ },
    why: 'a sentence instead of a panic',
  }),
  storage('read-only in quotes', 'maintenance: {readonly: {enabled: "true"}}', { refused: 'storage.maintenance.readonly.enabled', theirs: failing }),
  storage('upload purging as it should be', 'maintenance: {uploadpurging: {enabled: true, age: 1h, interval: 30m, dryrun: true}}', {
    values: { 'storage.maintenance.uploadpurging.age': HOUR, 'storage.maintenance.uploadpurging.dryrun': true },
    theirs: { says: /Starting upload purge in/ },
    ours: { says: /listening on/ },
    why: 'it is not announced',
  }),
  storage('upload purging off', 'maintenance: {uploadpurging: {enabled: false}}', {
    values: { 'storage.maintenance.uploadpurging.enabled': false },
    theirs: starting,
  }),
  storage('upload purging without an interval', 'maintenance: {uploadpurging: {enabled: true, age: 1h}}', {
    values: { 'storage.maintenance.uploadpurging.interval': 24 * HOUR },
    theirs: failing,
    ours: starting,
    why: 'the default is meant; 2.8 panics',
  }),
  storage('an age that is no duration', 'maintenance: {uploadpurging: {enabled: true, age: 7 days, interval: 1h, dryrun: false}}', {
    refused: 'storage.maintenance.uploadpurging.age',
    theirs: failing,
  }),
  small('a driver that nobody knows', { REGISTRY_STORAGE: 'filesytem' }, { refused: 'storage.filesytem', theirs: failing }),
  {
    what: 'the driver in memory',
    file: SMALL.replace(/storage: .*/, 'storage: {inmemory: {}}'),
    environment: {},
    refused: 'storage.inmemory',
    theirs: starting,
    why: 'lacre does not have it, and would keep what it is given elsewhere',
  },
  storage('a cache', 'cache: {blobdescriptor: inmemory}', { theirs: starting }),
  storage('redirects off', 'redirect: {disable: true}', { theirs: starting }),
  storage('threads', 'tag: {concurrencylimit: 5}', { theirs: failing, ours: starting, why: 'as in 3.x; 2.8 takes it for a second driver' }),
]

const access: readonly ConfigCase[] = [
  small('REGISTRY_AUTH=none', { REGISTRY_AUTH: 'none' }, { values: { 'auth.htpasswd.realm': undefined }, theirs: { ping: 200 } }),
  more('an empty auth', 'auth: {}', { values: { 'auth.htpasswd.realm': undefined }, theirs: { ping: 200 } }),
  small('htpasswd without realm and path', { REGISTRY_AUTH: 'htpasswd' }, { refused: 'auth.htpasswd.realm', theirs: failing }),
  small('htpasswd without a path', { REGISTRY_AUTH: '{htpasswd: {realm: r}}' }, { refused: 'auth.htpasswd.path', theirs: failing }),
  more('htpasswd without a value', 'auth:\n  htpasswd:', { refused: 'auth.htpasswd.realm', theirs: failing }),
  more('two kinds of auth', 'auth: {silly: {realm: r, service: s}, htpasswd: {realm: r, path: "@folder/htpasswd"}}', { refused: 'auth', theirs: failing }),
  more('silly', 'auth: {silly: {realm: r, service: s}}', {
    refused: 'auth.silly',
    theirs: { ping: 401 },
    why: 'it lets in whoever sends any Authorization header',
  }),
  small('tokens without a certificate', { REGISTRY_AUTH: '{token: {realm: "https://x/", service: s, issuer: i}}' }, { refused: 'auth.token', theirs: failing }),
  small('a kind of auth that nobody knows', { REGISTRY_AUTH: 'htpaswd' }, { refused: 'auth.htpaswd', theirs: failing }),
]

const listeners: readonly ConfigCase[] = [
  small('an address without a port', { REGISTRY_HTTP_ADDR: 'localhost' }, { refused: 'http.addr', theirs: failing }),
  small('a port that is too large', { REGISTRY_HTTP_ADDR: ':70000' }, { refused: 'http.addr', theirs: failing }),
  small('no address, for which 2.8 takes a port that nobody knows', { REGISTRY_HTTP_ADDR: '' }, { refused: 'http.addr' }),
  small(
    'another network',
    { REGISTRY_HTTP_NET: 'udp' },
    {
      refused: 'http.net',
      theirs: { starts: false, says: /unknown address type udp/ },
      ours: { says: /http\.net takes one of tcp, unix, not "udp"/ },
      why: 'our words',
    },
  ),
  small('tcp by name', { REGISTRY_HTTP_NET: 'tcp' }, { values: { 'http.net': 'tcp' }, theirs: { ping: 200 } }),
  small(
    'a host',
    { REGISTRY_HTTP_HOST: 'https://registry.example:8443' },
    { values: { 'http.host': 'https://registry.example:8443' }, theirs: { location: 'https://registry.example:8443' } },
  ),
  small(
    'a host that is no URL',
    { REGISTRY_HTTP_HOST: 'registry.example' },
    { values: { 'http.host': undefined }, warned: /^http\.host is no URL/, theirs: { location: 'http://@addr' } },
  ),
  small(
    'a host and relative URLs',
    { REGISTRY_HTTP_HOST: 'https://registry.example', REGISTRY_HTTP_RELATIVEURLS: 'true' },
    { values: { 'http.relativeurls': true }, theirs: { location: 'https://registry.example' } },
  ),
  http('HTTPS', 'tls: {certificate: "@folder/registry_auth.crt", key: "@folder/registry_auth.key"}', {
    values: { 'http.tls.minimumtls': 'tls1.2' },
    theirs: { scheme: 'https', speaksTls12: true, location: 'https://@addr' },
  }),
  http('TLS 1.3 only', 'tls: {certificate: "@folder/registry_auth.crt", key: "@folder/registry_auth.key", minimumtls: tls1.3}', {
    values: { 'http.tls.minimumtls': 'tls1.3' },
    theirs: { scheme: 'https', speaksTls12: false },
  }),
  http('TLS 1.0', 'tls: {certificate: "@folder/registry_auth.crt", key: "@folder/registry_auth.key", minimumtls: tls1.0}', {
    values: { 'http.tls.minimumtls': 'tls1.2' },
    warned: /^http\.tls\.minimumtls is tls1\.0/,
    theirs: { scheme: 'https', speaksTls12: true },
  }),
  http('a TLS version that there is not', 'tls: {certificate: "@folder/registry_auth.crt", key: "@folder/registry_auth.key", minimumtls: tls9}', {
    refused: 'http.tls.minimumtls',
    theirs: failing,
  }),
  http(
    'a cipher suite',
    'tls: {certificate: "@folder/registry_auth.crt", key: "@folder/registry_auth.key", ciphersuites: [TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256]}',
    { values: { 'http.tls.ciphersuites': ['TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256'] }, theirs: { scheme: 'https' } },
  ),
  http('a cipher suite that there is not', 'tls: {certificate: "@folder/registry_auth.crt", key: "@folder/registry_auth.key", ciphersuites: [AES128-SHA]}', {
    refused: 'http.tls.ciphersuites',
    theirs: failing,
  }),
  http('a certificate without a key', 'tls: {certificate: "@folder/registry_auth.crt"}', { refused: 'http.tls.key', theirs: failing }),
  http('a key without a certificate', 'tls: {key: "@folder/registry_auth.key"}', {
    refused: 'http.tls.certificate',
    theirs: { scheme: 'http' },
    why: 'HTTPS is meant, and 2.8 serves plain HTTP',
  }),
  http("Let's Encrypt without hosts", 'tls: {letsencrypt: {email: a@b.c, cachefile: "@folder/le"}}', { refused: 'http.tls.letsencrypt.hosts' }),
  http("Let's Encrypt", 'tls: {letsencrypt: {email: a@b.c, cachefile: "@folder/le", hosts: [Bücher.example]}}', {
    values: { 'http.tls.letsencrypt.hosts': ['xn--bcher-kva.example'], 'http.tls.letsencrypt.cachefile': '@folder/le' },
  }),
  http("Let's Encrypt beside a certificate", 'tls: {certificate: /c, key: /k, letsencrypt: {cachefile: "@folder/le", hosts: [a.example]}}', {
    refused: 'http.tls.letsencrypt',
  }),
  http("Let's Encrypt for a wildcard", 'tls: {letsencrypt: {cachefile: "@folder/le", hosts: ["*.a.example"]}}', { refused: 'http.tls.letsencrypt.hosts' }),
  http('an ACME server without TLS', 'tls: {letsencrypt: {hosts: [a.example], directoryurl: "http://acme.example/dir"}}', {
    refused: 'http.tls.letsencrypt.directoryurl',
  }),
  http('HTTP/2 off', 'http2: {disabled: true}', { theirs: { ping: 200 } }),
  http('a debug address', 'debug: {addr: "@debug"}', { values: { 'http.debug.addr': '@debug' }, theirs: { health: 200, metrics: 404 } }),
  http('a debug address with metrics', 'debug: {addr: "@debug", prometheus: {enabled: true}}', {
    values: { 'http.debug.prometheus.path': '/metrics' },
    theirs: { health: 200, metrics: 200 },
  }),
  http('metrics elsewhere', 'debug: {addr: "@debug", prometheus: {enabled: true, path: /telemetry}}', {
    values: { 'http.debug.prometheus.path': '/telemetry' },
    theirs: { metrics: 404, telemetry: 200 },
  }),
]

const others: readonly ConfigCase[] = [
  more('a failing check', 'health: {file: [{file: "@folder/htpasswd", interval: 50ms}]}', {
    values: { 'health.file.0.interval': 50 },
    theirs: { ping: 503, root: 503 },
  }),
  more('a check that is fine', 'health: {file: [{file: "@folder/none", interval: 50ms}]}', {
    values: { 'health.file.0.file': '@folder/none' },
    theirs: { ping: 200 },
  }),
  more('an address that takes no connections', 'health: {tcp: [{addr: "127.0.0.1:1", interval: 50ms, timeout: 40ms, threshold: 1}]}', {
    values: { 'health.tcp.0.timeout': 40 },
    theirs: { ping: 503 },
  }),
  more('a URL that answers otherwise', 'health: {http: [{uri: "http://127.0.0.1:1/", interval: 50ms, timeout: 40ms, threshold: 1}]}', {
    values: { 'health.http.0.statuscode': 200 },
    theirs: { ping: 503 },
  }),
  more('an interval of a few nanoseconds', 'health: {tcp: [{addr: "127.0.0.1:1", interval: 10}]}', {
    values: { 'health.tcp.0.interval': 1 },
    warned: /^health\.tcp\.0\.interval is 10 nanoseconds.*: write 10s for seconds$/,
  }),
  small(
    'metrics without an address',
    { REGISTRY_HTTP_DEBUG_PROMETHEUS_ENABLED: 'true' },
    {
      warned: /^http\.debug\.prometheus\.enabled has no effect without http\.debug\.addr/,
      theirs: { ping: 200, metrics: 0 },
    },
  ),
  small('pages of the catalog', { REGISTRY_CATALOG_MAXENTRIES: '3' }, { values: { 'catalog.maxentries': 3 }, theirs: { catalog5: 400 } }),
  small('pages of the catalog, less than none', { REGISTRY_CATALOG_MAXENTRIES: '-1' }, { values: { 'catalog.maxentries': 1000 }, theirs: { catalog5: 200 } }),
  small('validation off', { REGISTRY_VALIDATION_DISABLED: 'true' }, { values: { 'validation.disabled': true }, theirs: starting }),
  small('a pattern that is none', { REGISTRY_VALIDATION_MANIFESTS_URLS_ALLOW: '["("]' }, { refused: 'validation.manifests.urls.allow', theirs: failing }),
  small('classes', { REGISTRY_POLICY_REPOSITORY_CLASSES: '[image]' }, { values: { 'policy.repository.classes': ['image'] }, theirs: starting }),
  small('redis', { REGISTRY_REDIS_ADDR: '127.0.0.1:1' }, { warned: /^redis is not used/, theirs: starting }),
  more('schema 1', 'compatibility: {schema1: {enabled: true}}', { warned: /^compatibility\.schema1\.enabled is not supported/, theirs: starting }),
  more('middleware', 'middleware: {registry: [{name: none}]}', { refused: 'middleware', theirs: failing }),
  small(
    'what says nothing',
    { REGISTRY_PROXY_REMOTEURL: '', REGISTRY_REDIS_ADDR: '', REGISTRY_COMPATIBILITY_SCHEMA1_ENABLED: 'false' },
    { theirs: { ping: 200 } },
  ),
  more('a proxy', 'proxy: {remoteurl: "http://127.0.0.1:1"}', { refused: 'proxy', theirs: failing }),
]

export const configCases: readonly ConfigCase[] = [...files, ...values, ...variables, ...logs, ...stored, ...access, ...listeners, ...others]

export interface Places {
  readonly root: string
  readonly addr: string
  readonly debug: string
  readonly folder: string
}

/** A text with its places filled in. */
export function fillIn(text: string, places: Places): string {
  return text.replaceAll(/@(root|addr|debug|folder)/g, (_whole, name: keyof Places) => places[name])
}
