/** Writes docs/configuration.md from the schema; with --check it only tells whether that is up to date (exit code 1 when not). */
import { readFileSync, writeFileSync } from 'node:fs'
import { formatDuration } from '../src/config/duration.ts'
import { type ConfigKey, listKeys } from '../src/config/keys.ts'
import { type UnsupportedKey, unsupportedKeys } from '../src/config/unsupported.ts'

const PATH = 'docs/configuration.md'

/** Distribution's default where it is not ours; `–` for none. */
const theirs: Readonly<Record<string, string>> = {
  'http.secret': 'random at each start',
  'http.tls.clientauth': '`require-and-verify-client-cert`; not in 2.8',
  'http.tls.letsencrypt.cachefile': '–; with it ACME is on. 2.8: a file',
  'http.tls.letsencrypt.directoryurl': "Let's Encrypt's; not in 2.8",
  'health.http.<n>.timeout': 'no limit',
  'health.tcp.<n>.timeout': 'no limit',
  'tags.maxtags': '`1000`; 2.8 has no pages of tags',
  'validation.manifests.indexes.platforms': '`all`; not in 2.8',
  'validation.manifests.indexes.platformlist.<n>.architecture': '–; not in 2.8',
  'validation.manifests.indexes.platformlist.<n>.os': '–; not in 2.8',
}

/** What Distribution has below a key that lacre does not act on, with its defaults. */
const below: Readonly<Record<string, string>> = {
  'storage.s3':
    'accesskey, secretkey, region, bucket: –; regionendpoint: –; forcepathstyle: `false` (2.8: `true` with regionendpoint); secure: `true`; v4auth: `true`; encrypt, skipverify: `false`; chunksize: `10485760`; multipartcopychunksize, multipartcopythresholdsize: `33554432`; multipartcopymaxconcurrency: `100`; rootdirectory, storageclass (`STANDARD`), objectacl (`private`), keyid, useragent, usedualstack, accelerate, logs3apirequests, loglevel',
  'storage.s3aws': 'as storage.s3',
  'storage.gcs': 'bucket, keyfile, credentials, rootdirectory: –; chunksize: `16777216`; maxconcurrency: `50`',
  'storage.azure':
    'accountname, accountkey, container: –; realm: `core.windows.net`; rootdirectory; credentials; max_retries: `5`; retry_delay: `100ms`; copy_status_poll_*',
  'storage.swift': 'authurl, username, password, region, container, …; only 2.8',
  'storage.oss': 'accesskeyid, accesskeysecret, region, bucket, …; only 2.8',
  'storage.inmemory': 'no keys',
  'storage.cache': 'blobdescriptor (older layerinfo): –, `inmemory` or `redis`; blobdescriptorsize: `10000`',
  'storage.redirect': 'disable: `false`',
  'storage.tag': 'concurrencylimit: `0`; not in 2.8',
  'storage.filesystem.maxthreads': '`100`, at least `25`',
  'auth.token': 'realm, service, issuer: –; rootcertbundle: –; jwks: –; autoredirect: `false`; autoredirectpath: `/auth/token`; signingalgorithms: all',
  'auth.silly': 'realm, service: –',
  proxy: 'remoteurl, username, password: –; ttl: `168h`; exec.command, exec.lifetime: –; cachewritetimeout: `5m`',
  redis:
    'addr, addrs, username, password: –; db: `0`; dialtimeout, readtimeout, writetimeout: none; tls.enabled: `false`; tls.certificate, tls.key, tls.rootcas; pool.maxidle, pool.maxactive, pool.idletimeout; 3.x: the names of go-redis',
  'http.http2': 'disabled: `false`',
  'http.h2c': 'enabled: `false`; not in 2.8',
  middleware: 'registry, repository, storage: –; lists of name, options, disabled',
  reporting: 'bugsnag.*, newrelic.*: –; only 2.8',
  'compatibility.schema1': 'enabled: `false`; signingkeyfile: –; only 2.8',
  'log.hooks': 'type, levels, disabled, options.smtp.*, options.from, options.to: –',
  'log.reportcaller': '`false`',
}

const EFFECTS: Readonly<Record<UnsupportedKey['effect'], string>> = {
  refused: 'refused at the start',
  ignored: 'ignored, with a warning',
  unneeded: 'nothing to do',
}

const INTRODUCTION = `# Configuration

*This page is written by \`npm run docs\` from \`src/config\`: change it there.*

lacre reads the configuration files and variables of \`registry:2\` and \`registry:3\` as they are. Three commands tell what they come to:

\`\`\`sh
lacre config check /etc/docker/registry/config.yml   # everything that is wrong, with its line and the nearest known key
lacre config show /etc/docker/registry/config.yml    # every value in effect, and where it comes from
lacre config schema > lacre.schema.json              # for an editor
\`\`\`

## Where it comes from

1. The file is the argument of \`lacre serve\` (or \`registry serve\`), else the one that \`REGISTRY_CONFIGURATION_PATH\` names, else
   \`/etc/distribution/config.yml\` (registry:3), else \`/etc/docker/registry/config.yml\` (registry:2). With none of them lacre begins
   with what the image of registry:2 has: the volume in \`/var/lib/registry\`, port 5000, \`X-Content-Type-Options: nosniff\`, and the
   health of the volume looked at every 10 s.
2. Variables go on top: \`REGISTRY_HTTP_ADDR\` is \`http.addr\`. The value is YAML 1.1: \`yes\` and \`on\` are true, \`[a, b]\` is a list, nothing
   unsets. They are applied in the order of their names, so a section (\`REGISTRY_AUTH=htpasswd\`, which replaces all of \`auth\`) comes
   before what is in it (\`REGISTRY_AUTH_HTPASSWD_PATH\`). An item of a list has its index: \`REGISTRY_HTTP_TLS_CLIENTCAS_0\`. The names of
   Go's fields work too: \`REGISTRY_HEALTH_FILECHECKERS\` is \`health.file\`.
3. What neither says is the default below. \`\${…}\` in a file is text and stays as it is.

A variable or key that nobody knows is ignored with a warning that names the nearest one, as a misspelt one must not stop a registry.
What Kubernetes puts into every container for a service called \`registry\` (\`REGISTRY_PORT=tcp://…\`, \`REGISTRY_SERVICE_HOST\` and so on)
is ignored without one, and so is podman's \`REGISTRY_AUTH_FILE\`.

Durations are written as \`10s\`, \`1h30m\` or \`168h\`; a number without a unit is **nanoseconds**, as in Distribution.

| variable | meaning |
|---|---|
| \`REGISTRY_CONFIGURATION_PATH\` | the configuration file, where no argument names one |
| \`REGISTRY_…\` | a key, as above |
| \`LISTEN_FDS\`, \`LISTEN_PID\` | set by systemd: the one socket that it passes takes the place of \`http.addr\` and \`http.net\` |
| \`LACRE_DATA\` | the folder of \`lacre up\` and of the commands that look after a volume, instead of \`./lacre-data\` |
| \`LACRE_PKI_PASSPHRASE\` | the passphrase of lacre's own CA key, where \`lacre.pki.passphrasefile\` is not set |
| \`CREDENTIALS_DIRECTORY\` | set by systemd: the credential \`lacre-pki-passphrase\` in it is that passphrase, where neither of the two is set |

## Keys

\`<name>\` is a name of your choice, \`<n>\` the place in a list.
`

const UNSUPPORTED = `## Keys of Distribution that lacre does not act on

Where ignoring a key would change what is stored, who gets in or what is served, lacre refuses to start. Values that say nothing (\`false\`,
\`0\`, nothing) are fine everywhere.

| key | what becomes of it | why | Distribution's keys and defaults |
|---|---|---|---|
`

const AFTERWORD = `
Other things that differ, on purpose:

- The debug address has \`/debug/health\` (with \`POST /debug/health/down\` and \`/up\`), \`/debug/vars\` with \`cmdline\` and \`memstats\`, the
  metrics, \`/healthz\` and \`/readyz\`. Go's profiler (\`/debug/pprof\`) is not there: start with \`NODE_OPTIONS=--cpu-prof\` instead.
- While a health check fails every request is answered with 503, as in Distribution, except \`/healthz\`, \`/readyz\` and \`/metrics\`.
- The access log has the account's name where Distribution's always has \`-\`, and its times are in UTC.
- A layer may name URLs where no pattern is set, as the specification has it; Distribution answers 500 to it.
- A header that the file and a variable name, in whatever case, is the variable's alone; Distribution sends both.
- A single text where a list goes is a list of one; Distribution refuses it.
- Regular expressions are JavaScript's. What Go's have besides (\`[[:alpha:]]\`, \`\\pL\`, \`\\Q…\\E\`) is refused at the start.
`

function main(): void {
  const page = [INTRODUCTION, ...sections(), UNSUPPORTED + unsupportedKeys.map(unsupportedRow).join('\n'), AFTERWORD].join('\n')
  if (!process.argv.includes('--check')) writeFileSync(PATH, page)
  else if (readFileSync(PATH, 'utf8') !== page) {
    console.error(`${PATH} is not what the schema says: run "npm run docs"`)
    process.exitCode = 1
  }
}

const HEAD = "| key | takes | Distribution's default | ours | meaning |\n|---|---|---|---|---|"

/** A table for each first part of the keys. */
function sections(): string[] {
  const groups = Map.groupBy(listKeys(), ({ path }) => path.split('.')[0] ?? '')
  return [...groups].map(([name, keys]) => `### ${name}\n\n${HEAD}\n${keys.map(row).join('\n')}${others[name] ?? ''}\n`)
}

/** What has no leaf in the schema. */
const others: Readonly<Record<string, string>> = {
  log: '\n| `loglevel` | as `log.level` | – | – | Older name of `log.level`, which goes before it. |',
  auth: '\n| `auth.none` | nothing | – | – | Everybody may do everything, as without auth. |',
}

/** Keys that only lacre has. */
const OURS = /^(?:lacre\.|http\.tls\.(?:crls|explain)$)/

function row({ path, type, description, fallback, unit }: ConfigKey): string {
  const ours = fallback === undefined ? '–' : `\`${unit ? formatDuration(fallback as number) : textOf(fallback)}\``
  const distributions = OURS.test(path) ? 'no such key' : (theirs[path] ?? ours)
  return `| \`${path}\` | ${cell(type)} | ${distributions} | ${ours} | ${cell(description)} |`
}

function textOf(value: unknown): string {
  return typeof value === 'string' && value !== '' ? value : JSON.stringify(value)
}

function unsupportedRow({ path, effect, why, suggestion }: UnsupportedKey): string {
  return `| \`${path}\` | ${EFFECTS[effect]} | ${cell(why)}${suggestion ? `: ${cell(suggestion)}` : ''} | ${below[path] ?? '–'} |`
}

function cell(text: string): string {
  return text.replaceAll('|', '\\|')
}

main()
