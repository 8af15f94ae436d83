import { existsSync, mkdirSync, rmSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { Command } from 'commander'
import { parseAccountName } from '../access/account-name.ts'
import { addAccount } from '../access/accounts.ts'
import { generatePassword } from '../access/passwords.ts'
import { type RunningServer, startServer } from '../app.ts'
import { defaultConfig } from '../config/load.ts'
import { openCertificateLedger } from '../metadata/certificate-ledger.ts'
import { authorityPaths } from '../pki/authority-files.ts'
import { hostNames } from '../pki/names.ts'
import { adoptFormerFolder, ensureServerCertificate, type SelfMadeCertificate, type SelfMadeOptions } from '../pki/self-made.ts'
import { STATE } from '../volume/layout.ts'
import { actAs, findForeignOwner } from '../volume/owner.ts'
import { runUntilStopped } from './serve.ts'

interface UpOptions {
  readonly data: string
  readonly port: string
  readonly yes?: boolean
  readonly json?: boolean
}

type CertificateNames = Pick<SelfMadeOptions, 'names' | 'otherNames'>

interface FirstUser {
  readonly name: string
  readonly password: string
}

const LOOPBACK = ['localhost', '127.0.0.1', '::1']

const EXAMPLES = `
The first time it makes a certificate authority, a certificate for the names given (without any: for this machine's name
and addresses) and a user with a password that is shown once. After that the same command just serves.

Examples:
  lacre up
  lacre up registry.intranet --port 443 --data /var/lib/registry`

/** `lacre up [HOST…]`: sets up once, and serves over HTTPS until SIGTERM or SIGINT. */
export function upCommand(data: string): Command {
  return new Command('up')
    .description('set up once, and serve over HTTPS')
    .argument('[host...]', 'names and addresses that clients will use')
    .option('--data <dir>', 'folder that everything lives in', data)
    .option('--port <number>', 'port to serve on', '5000')
    .option('-y, --yes', 'ask nothing')
    .option('--json', 'print what was set up as one JSON document')
    .addHelpText('after', EXAMPLES)
    .action(up)
}

async function up(hosts: readonly string[], options: UpOptions): Promise<void> {
  const port = Number(options.port)
  if (!Number.isInteger(port) || port < 0 || port > 65_535) throw Object.assign(new Error(`${options.port} is no port`), { hint: 'for example --port 5000' })
  const root = resolve(options.data)
  const isFirst = !existsSync(join(root, STATE, 'htpasswd'))
  actAs(findForeignOwner(root)) // a server that has given up root must be able to read and renew what is made here
  makeStateFolder(root)
  const names = hosts.length > 0 ? { names: hosts, otherNames: LOOPBACK } : { names: [], otherNames: hostNames() }
  const certificate = await ensureCertificate(root, names)
  const user = isFirst ? await addFirstUser(join(root, STATE, 'htpasswd')) : undefined
  actAs(undefined)
  await runUntilStopped(async () => {
    const server = await startServer(configFor(root, port, certificate)).catch((error: unknown) => {
      if (user) rmSync(join(root, STATE, 'htpasswd')) // its password was never shown
      throw explain(error)
    })
    keepRenewed(root, names)
    const address = publicAddress(names.names[0] ?? names.otherNames[0] ?? 'localhost', server, port)
    process.stdout.write(options.json ? `${JSON.stringify({ url: `https://${address}`, user, ...certificate })}\n` : welcome(address, root, certificate, user))
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
  const { name, message } = error as Error
  if (name !== 'ListenError') return error
  return Object.assign(new Error(message, { cause: error }), { hint: 'stop what listens there, or choose another port with --port' })
}

/** As clients write it: without the port where that is HTTPS's own. */
function publicAddress(name: string, server: RunningServer, port: number): string {
  const listening = Number(/:(\d+)$/.exec(server.addresses[0] ?? '')?.[1] ?? port)
  const host = name.includes(':') ? `[${name}]` : name
  return listening === 443 ? host : `${host}:${listening}`
}

const DAY_MS = 86_400_000

async function ensureCertificate(root: string, names: CertificateNames): Promise<SelfMadeCertificate> {
  const directory = join(root, STATE, 'pki')
  await adoptFormerFolder(directory)
  const ledger = openCertificateLedger(authorityPaths(directory).ledger)
  try {
    return await ensureServerCertificate({ directory, ledger, ...names })
  } finally {
    ledger.close()
  }
}

/** Renews the certificate well before its end; the server picks the new file up by itself. */
function keepRenewed(root: string, names: CertificateNames): void {
  const renew = () => ensureCertificate(root, names)
  const complain = (error: Error) => process.stderr.write(`lacre: the certificate could not be looked after: ${error.message}\n`)
  setInterval(() => void renew().catch(complain), DAY_MS).unref()
}

async function addFirstUser(path: string): Promise<FirstUser> {
  const password = generatePassword()
  await addAccount(path, parseAccountName('admin'), password)
  return { name: 'admin', password }
}

function configFor(root: string, port: number, { certificatePath, keyPath }: SelfMadeCertificate) {
  return defaultConfig({
    http: { addr: `:${port}`, tls: { certificate: certificatePath, key: keyPath }, draintimeout: 10_000 },
    storage: { filesystem: { rootdirectory: root }, delete: { enabled: true } },
    auth: { htpasswd: { realm: 'lacre', path: join(root, STATE, 'htpasswd') } },
    log: { accesslog: { disabled: true }, level: 'warn' },
  })
}

function welcome(address: string, root: string, certificate: SelfMadeCertificate, user: FirstUser | undefined): string {
  const data = `--data ${root}`
  const login = user
    ? `  user       ${user.name}\n  password   ${user.password}\n             shown once; another: lacre user passwd ${user.name} ${data}\n`
    : `  users      as before: lacre user list ${data}\n`
  return `
  lacre serves https://${address}

${login}  authority  ${certificate.caPath}
  SHA-256    ${certificate.fingerprints.ca.replaceAll(':', '').toLowerCase()}
  server pin ${certificate.spkiPin}

Trust it on a client (copy the authority's file there first), log in and push:

  sudo install -D ${certificate.caPath} \\
    /etc/docker/certs.d/${address}/ca.crt
  docker login ${address}
  docker tag alpine ${address}/alpine
  docker push ${address}/alpine

`
}
