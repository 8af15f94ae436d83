import { homedir } from 'node:os'
import { join, resolve } from 'node:path'
import { Command, Option } from 'commander'
import { findVariable } from '../config/load.ts'
import { type CertificatePlan, type DockerFolder, planClient, planRenewal, planServer } from '../onboarding/docker-certificates.ts'
import { planContext, planInstallation } from '../onboarding/docker-client.ts'
import { CertificateError } from '../pki/certificate-error.ts'
import { keyKinds, parseKeyKind } from '../pki/key-kind.ts'
import { type CarryOutOptions, carryOut, withPlan } from './carry-out.ts'
import { installDaemonCommand, undoCommand } from './docker-tls-daemon.ts'
import { askPassphrase, obtainNewPassphrase, type PassphraseOptions, withNewPassphrase, withPassphrase } from './passphrase-input.ts'

interface FolderOptions extends CarryOutOptions, PassphraseOptions {
  readonly dir: string
  readonly days: string
}

interface InitOptions extends FolderOptions {
  readonly host?: readonly string[]
  readonly ip?: readonly string[]
  readonly key: string
  readonly force?: boolean
}

interface ClientOptions extends FolderOptions {
  readonly key: string
  readonly force?: boolean
  readonly install?: boolean
  readonly out?: string
  readonly context?: string
  readonly host?: string
}

const INTRODUCTION = `
A docker daemon that others reach over TCP must ask for their certificates. Who
holds a client certificate is root on its host. Where an account on the host
will do, ssh needs none of this:
  docker context create HOST --docker host=ssh://USER@HOST

Example:
  lacre docker-tls init --host docker.intranet --ip 192.168.1.20
  sudo lacre docker-tls install-daemon
  lacre docker-tls client alice --install`

const INIT_EXAMPLES = `
localhost and 127.0.0.1 are always among the names. A CA that is there is used,
also one made with openssl; with --force all is made anew, and what was there is
kept for "lacre docker-tls undo".

Examples:
  lacre docker-tls init --host docker.intranet --ip 192.168.1.20,10.10.10.20
  lacre docker-tls init --host docker.intranet --key rsa:4096 --no-passphrase
  lacre docker-tls init --host docker.intranet --passphrase-env PHRASE --dry-run`

const CLIENT_EXAMPLES = `
Who holds the key is root on the docker host. It is never encrypted: docker
could not use it. One that is there is used, without --force.

Examples:
  lacre docker-tls client                  client-cert.pem, client-key.pem
  lacre docker-tls client alice --install  ca.pem cert.pem key.pem in ~/.docker
  lacre docker-tls client ci --out for-ci  the same three, to carry elsewhere
  lacre docker-tls client alice --context prod
  docker --context prod ps`

const RENEW_EXAMPLES = `
Keys, names and subjects stay. Due is what has lived two thirds of its life, the
CA too.

Examples:
  lacre docker-tls renew
  lacre docker-tls renew --all --days 90 --json`

/** `lacre docker-tls`: certificates for `dockerd --tlsverify`, and what makes daemon and clients use them. */
export function dockerTlsCommand(): Command {
  return new Command('docker-tls')
    .description("protect a docker daemon's TCP port with certificates")
    .addHelpText('after', INTRODUCTION)
    .addCommand(initCommand())
    .addCommand(clientCommand())
    .addCommand(installDaemonCommand())
    .addCommand(renewCommand())
    .addCommand(undoCommand())
}

function initCommand(): Command {
  const command = new Command('init')
    .description('make a CA and the certificate of a docker host')
    .option('--host <name...>', 'name by which clients reach the host')
    .option('--ip <address...>', 'address of the host; several with commas')
    .option('--key <kind>', `kind of the keys: ${keyKinds.join(' ')}`, keyKinds[0])
    .option('--force', 'replace the CA and the keys that are there')
  return withNewPassphrase(withFolder(command)).addHelpText('after', INIT_EXAMPLES).action(initialize)
}

function clientCommand(): Command {
  const command = new Command('client')
    .description('make the certificate of a client, and give it to docker')
    .argument('[name]', 'who it is for', 'client')
    .addOption(new Option('--install', 'also write ca.pem cert.pem key.pem to ~/.docker').conflicts('out'))
    .option('--out <dir>', 'also write them there (for DOCKER_CERT_PATH)')
    .option('--context <name>', 'also make a docker context with it')
    .option('--host <name>', 'host of the context (default: first name of server-cert.pem)')
    .option('--key <kind>', `kind of the key: ${keyKinds.join(' ')}`, keyKinds[0])
    .option('--force', 'replace the certificate and the key that are there')
  return withPassphrase(withFolder(command)).addHelpText('after', CLIENT_EXAMPLES).action(makeClient)
}

function renewCommand(): Command {
  const command = new Command('renew').description('renew the certificates that are due').option('--all', 'renew all, due or not')
  return withPassphrase(withFolder(command)).addHelpText('after', RENEW_EXAMPLES).action(renew)
}

function withFolder(command: Command): Command {
  return withPlan(command.option('--dir <dir>', 'folder of the certificates', 'docker-ca').option('--days <number>', 'how long a certificate lasts', '365'))
}

async function initialize(options: InitOptions): Promise<void> {
  const names = [...(options.host ?? []), ...(options.ip ?? [])]
  if (names.length === 0) throw new CertificateError('the host has no name', { hint: 'give --host NAME or --ip ADDRESS, as clients will use it' })
  const folder = openFolder(options)
  const wanted = {
    names,
    kind: parseKeyKind(options.key),
    isForced: options.force === true,
    obtainPassphrase: async () => (options.dryRun ? undefined : await obtainNewPassphrase(options)),
  }
  const plan = async () =>
    describe(await planServer(folder, wanted), [
      'Next, on the docker host, with ca.pem, server-cert.pem and server-key.pem:',
      `  sudo lacre docker-tls install-daemon --dir ${options.dir}`,
      'and for each client:',
      `  lacre docker-tls client NAME --dir ${options.dir}`,
    ])
  await carryOut({ title: 'docker-tls init', journal: journalOf(options), plan }, options)
}

async function makeClient(name: string, options: ClientOptions): Promise<void> {
  const folder = openFolder(options)
  const plan = async () => {
    const made = await planClient(folder, name, { kind: parseKeyKind(options.key), isForced: options.force === true })
    const target = options.install ? dockerFolder() : options.out
    const steps = [
      ...made.steps,
      ...(target === undefined ? [] : await planInstallation(folder.directory, name, made.steps, resolve(target))),
      ...(options.context === undefined ? [] : [await planContext(folder.directory, name, options.context, options.host)]),
    ]
    return describe({ ...made, steps }, clientLines(name, options, target))
  }
  await carryOut({ title: `docker-tls client ${name}`, journal: journalOf(options), plan }, options)
}

function clientLines(name: string, { dir, context }: ClientOptions, target: string | undefined): string[] {
  const files = `--tlscacert=${dir}/ca.pem \\\n    --tlscert=${dir}/${name}-cert.pem --tlskey=${dir}/${name}-key.pem`
  const environment = target === undefined || target === dockerFolder() ? '' : `DOCKER_CERT_PATH=${target} `
  const usual = target === undefined ? `docker --tlsverify ${files} \\\n    -H tcp://HOST:2376 ps` : `${environment}docker --tlsverify -H tcp://HOST:2376 ps`
  return [
    'Use it:',
    `  ${context === undefined ? usual : `docker --context ${context} ps`}`,
    'Who holds this key is root on the docker host. Over ssh there is no such file to lose:',
    '  docker context create HOST --docker host=ssh://USER@HOST',
  ]
}

async function renew(options: FolderOptions & { readonly all?: boolean }): Promise<void> {
  const folder = openFolder(options)
  const plan = async () => {
    const renewed = await planRenewal(folder, options.all === true)
    const isAuthorityNew = renewed.certificates.some(({ name, isNew }) => name === 'ca' && isNew)
    const lines = [
      'What was copied elsewhere must be copied again:',
      `  sudo lacre docker-tls install-daemon --dir ${options.dir}, and restart docker`,
      `  lacre docker-tls client NAME --install --dir ${options.dir}`,
      ...(isAuthorityNew ? ['The CA lasts longer now, with the same key: ca.pem goes to all of them.'] : []),
    ]
    return describe(renewed, renewed.steps.length > 0 ? lines : [])
  }
  await carryOut({ title: 'docker-tls renew', journal: journalOf(options), plan }, options)
}

function describe({ steps, certificates }: CertificatePlan, next: readonly string[]) {
  const described = certificates.map(({ name, certificate, isNew }) => ({
    name,
    isNew,
    names: certificate.subjectAltName?.split(', ') ?? [],
    notAfter: certificate.validToDate.toISOString(),
    fingerprint: certificate.fingerprint256,
  }))
  const lines = described.map(({ name, isNew, notAfter }) => `${name}: ${isNew ? 'new' : 'as it was'}, good until ${notAfter.slice(0, 10)}`)
  return { steps, details: { certificates: described }, lines: ['', ...lines, ...(next.length > 0 ? ['', ...next] : [])] }
}

function openFolder(options: FolderOptions): DockerFolder {
  return { directory: resolve(options.dir), days: parseDays(options.days), now: Date.now(), askPassphrase: askPassphrase(options) }
}

function parseDays(text: string): number {
  const days = Number(text)
  if (Number.isInteger(days) && days > 0 && days <= 3650) return days
  throw new CertificateError(`${JSON.stringify(text)} is no number of days`, { hint: 'for example --days 365; 3650 at most' })
}

/** Beside the certificates, so that it is there where they are. */
function journalOf({ dir }: FolderOptions): string {
  return join(resolve(dir), '.lacre')
}

/** Where docker's command line looks for certificates. */
function dockerFolder(): string {
  return findVariable('DOCKER_CONFIG') || join(homedir(), '.docker')
}
