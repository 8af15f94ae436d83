import { existsSync, mkdirSync, rmSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { Command } from 'commander'
import { parseAccountName } from '../access/account-name.ts'
import { addAccount } from '../access/accounts.ts'
import { generatePassword } from '../access/passwords.ts'
import { type RunningServer, startServer } from '../app.ts'
import { formatFinding } from '../config/config-error.ts'
import { completeConfig, type LoadedConfig, loadVariables } from '../config/load.ts'
import { STATE } from '../volume/layout.ts'
import { actAs, findForeignOwner } from '../volume/owner.ts'
import type { CertificateSource } from './certificate-source.ts'
import { runUntilStopped } from './serve.ts'
import { type AcmeOptions, acmeSource, addAcmeOptions, refuseLoneOptions } from './up-acme.ts'
import { selfMadeSource } from './up-self-made.ts'

interface UpOptions extends AcmeOptions {
  readonly data: string
  readonly port?: string
  readonly yes?: boolean
  readonly json?: boolean
}

interface FirstUser {
  readonly name: string
  readonly password: string
}

const EXAMPLES = `
The first time it makes a certificate authority, a certificate for the names
given (without any: for this machine's name and addresses) and a user with a
password that is shown once. After that the same command just serves.

For a registry on the internet, --acme has Let's Encrypt issue and renew the
certificate, which all clients trust. The names must lead here, and port 443 (or
80, with --acme-challenge http-01) must be reachable from outside. With it you
agree to the terms of service of Let's Encrypt, or of the server that
--acme-directory names.

REGISTRY_* variables set what the options do not: with
REGISTRY_HTTP_TLS_CLIENTCAS_0=/certs/ca.crt client certificates are asked for.
One that contradicts them, such as REGISTRY_HTTP_ADDR, is refused.

Examples:
  lacre up
  lacre up registry.intranet --port 443 --data /var/lib/registry
  lacre up --acme you@example.com registry.example.com`

/** `lacre up [HOST…]`: sets up once, and serves over HTTPS until SIGTERM or SIGINT. */
export function upCommand(data: string): Command {
  const command = new Command('up')
    .description('set up once, and serve over HTTPS')
    .argument('[host...]', 'names and addresses that clients will use')
    .option('--data <dir>', 'folder that everything lives in', data)
    .option('--port <number>', 'port to serve on (default: 5000, with --acme 443)')
    .option('-y, --yes', 'ask nothing')
    .option('--json', 'print what was set up as one JSON document')
  return addAcmeOptions(command).addHelpText('after', EXAMPLES).action(up)
}

async function up(hosts: readonly string[], options: UpOptions): Promise<void> {
  refuseLoneOptions(options)
  const variables = loadVariables()
  const port = parsePort(options.port ?? (options.acme === undefined ? '5000' : '443'))
  const root = resolve(options.data)
  const isFirst = !existsSync(join(root, STATE, 'htpasswd'))
  actAs(findForeignOwner(root)) // a server that has given up root must be able to read and renew what is made here
  makeStateFolder(root)
  const source = options.acme === undefined ? await selfMadeSource(root, hosts) : acmeSource(hosts, port, options)
  const user = isFirst ? await addFirstUser(join(root, STATE, 'htpasswd')) : undefined
  actAs(undefined)
  await runUntilStopped(async () => {
    const warnings = variables.findings.filter(({ path }) => path !== 'http.tls.clientcas').map(formatFinding) // there is a certificate
    const server = await startServer(configFor(variables, root, port, source), { warnings }).catch((error: unknown) => {
      if (user) rmSync(join(root, STATE, 'htpasswd')) // its password was never shown
      throw explain(error)
    })
    const address = publicAddress(source.host, server, port)
    process.stdout.write(options.json ? `${JSON.stringify({ url: `https://${address}`, user, ...source.facts })}\n` : welcome(address, root, source, user))
    return server
  })
}

function makeStateFolder(root: string): void {
  try {
    mkdirSync(join(root, STATE), { recursive: true, mode: 0o700 })
  } catch (cause) {
    throw Object.assign(new Error(`cannot make ${join(root, STATE)}: ${(cause as Error).message}`, { cause }), {
      hint: 'name a folder that can be written with --data DIR',
    })
  }
}

/** Whoever says `up` has an option where the configuration has a key. */
function explain(error: unknown): unknown {
  const { name, message, hint = '', cause } = error as Error & { hint?: string }
  if (name !== 'ListenError') return error
  const option = hint.includes('lacre.acme.httpaddr') ? '--acme-http-port' : '--port'
  const isForRoot = /EACCES/.test(message)
  const way = isForRoot ? 'ports below 1024 are for root: start it with sudo, or allow it with CAP_NET_BIND_SERVICE' : 'stop what listens there'
  return Object.assign(new Error(message, { cause }), { hint: `${way}, or choose another port with ${option}` })
}

function parsePort(text: string): number {
  const port = Number(text)
  if (Number.isInteger(port) && port >= 0 && port <= 65_535) return port
  throw Object.assign(new Error(`${text} is no port`), { hint: 'for example --port 5000' })
}

/** As clients write it: without the port where that is HTTPS's own. */
function publicAddress(name: string, server: RunningServer, port: number): string {
  const listening = Number(/:(\d+)$/.exec(server.addresses[0] ?? '')?.[1] ?? port)
  const host = name.includes(':') ? `[${name}]` : name
  return listening === 443 ? host : `${host}:${listening}`
}

async function addFirstUser(path: string): Promise<FirstUser> {
  const password = generatePassword()
  await addAccount(path, parseAccountName('admin'), password)
  return { name: 'admin', password }
}

function configFor(variables: LoadedConfig, root: string, port: number, { config: { tls, lacre, log } }: CertificateSource) {
  const defaults = {
    http: { draintimeout: 10_000 },
    storage: { delete: { enabled: true } },
    log: { accesslog: { disabled: true }, level: 'warn', ...log },
  } as const
  return completeConfig(variables, defaults, {
    http: { addr: `:${port}`, ...(tls && { tls }) },
    storage: { filesystem: { rootdirectory: root } },
    auth: { htpasswd: { realm: 'lacre', path: join(root, STATE, 'htpasswd') } },
    ...(lacre && { lacre }),
  })
}

function welcome(address: string, root: string, source: CertificateSource, user: FirstUser | undefined): string {
  const data = `--data ${root}`
  const login = user
    ? `  user       ${user.name}\n  password   ${user.password}\n             shown once; another: lacre user passwd ${user.name} ${data}\n`
    : `  users      as before: lacre user list ${data}\n`
  return `
  lacre serves https://${address}

${login}${source.lines.map((line) => `  ${line}\n`).join('')}
${source.explainTrust(address)}
  docker login ${address}
  docker tag alpine ${address}/alpine
  docker push ${address}/alpine
${user ? source.afterword : ''}
`
}
