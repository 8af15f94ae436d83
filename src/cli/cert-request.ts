import { createPublicKey, type KeyObject } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { basename, dirname, join, resolve } from 'node:path'
import { Command, Option } from 'commander'
import { parseAccountName } from '../access/account-name.ts'
import { pairNames } from '../pki/bundles.ts'
import { CertificateError } from '../pki/certificate-error.ts'
import { chainOf } from '../pki/certificate-pair.ts'
import { type CertificateRequest, makeRequest, parseRequest } from '../pki/certificate-request.ts'
import { type DistinguishedName, findAttribute, parseSubject } from '../pki/distinguished-name.ts'
import { formatKey } from '../pki/key-file.ts'
import { keyWarnings, makeKey, parseKeyKind } from '../pki/key-kind.ts'
import { CLOCK_SKEW_MS, DAY_MS, type LeafRequest } from '../pki/leaf-certificate.ts'
import { type CertificateName, nameWarnings, parseCertificateNames } from '../pki/names.ts'
import { type NewFile, refuseExisting, writeFiles } from '../pki/new-files.ts'
import { signCertificate } from '../pki/sign-certificate.ts'
import { notes, type PairOptions, printIssued, type SigningOptions, withAuthority, withPair } from './cert-signing.ts'
import { formatField } from './certificate-description.ts'
import { withPassphrase } from './passphrase-input.ts'
import { locatePki, parseDays, printResult, withPki } from './pki-folder.ts'
import { writeOut } from './write-out.ts'

interface SignOptions extends SigningOptions {
  readonly profile: 'server' | 'client'
  readonly account?: string
  readonly days?: number
  readonly out?: string
  readonly force?: boolean
}

const SELF_SIGNED_DAYS = 365

const SELF_SIGNED_EXAMPLES = `
Examples:
  lacre cert self-signed registry.mydom.com --out certs --names openssl
  lacre cert self-signed localhost registry --ip 192.168.56.200 --key rsa:4096

Each client must be given the certificate itself, and again whenever it is
renewed: "lacre up", or a CA, spares that.`

const REQUEST_EXAMPLES = `
Examples:
  lacre cert request registry.mydom.com --subject "C=FR,O=SINGLETON,OU=R&D"
  lacre cert request registry.intranet --names certstrap --key rsa:4096

Send the .csr to the CA; the key stays here. What comes back goes with it into
  lacre cert import --cert FILE --key server.key --chain FILE`

const SIGN_EXAMPLES = `
Examples:
  lacre cert sign out/registry.intranet.csr --pki out
  lacre cert sign laptop.csr --profile client --account alice --days 30

The names of a server are those of the request; a client gets its account as its
only name. Nothing else that a request asks for is given.`

/** `lacre cert self-signed`, `request` and `sign`: certificates without a CA, of another's, and for others. */
export function requestCommands(data: string): Command[] {
  const selfSigned = withPair(new Command('self-signed').description('make a key, and a certificate that signs itself'))
    .argument('<name...>', 'host names and addresses')
    .option('--ip <address...>', 'more addresses')
    .option('--days <number>', 'how long it lasts', parseDays, SELF_SIGNED_DAYS)
    .option('--json', 'print JSON')
    .addHelpText('after', SELF_SIGNED_EXAMPLES)
    .action(makeSelfSigned)
  const request = withPair(new Command('request').description('make a key, and a request for a CA elsewhere'))
    .argument('<name...>', 'host names and addresses')
    .option('--ip <address...>', 'more addresses')
    .option('--json', 'print JSON')
    .addHelpText('after', REQUEST_EXAMPLES)
    .action(writeRequest)
  const sign = withPassphrase(withPki(new Command('sign').description('sign the request of somebody who has a key'), data))
    .argument('<file>', 'the request, PEM or DER')
    .addOption(new Option('--profile <profile>', 'what the certificate is for').choices(['server', 'client']).default('server'))
    .option('--account <name>', "a client's account (default: the CN of the request)")
    .option('--days <number>', 'how long it lasts (default: 90)', parseDays)
    .option('--out <file>', 'where the certificate goes (default: beside the request, .crt)')
    .option('--force', 'replace a file that is there, and keep it beside')
    .option('--dry-run', 'tell what would be signed')
    .addHelpText('after', SIGN_EXAMPLES)
    .action(signRequest)
  return [selfSigned, request, sign]
}

async function makeSelfSigned(texts: readonly string[], options: PairOptions): Promise<void> {
  const { names, subject } = parseWanted(texts, options)
  const files = pairNames(options.names, 'server', names[0]?.value ?? '')
  await writePair(options, names, [files.certificate, files.key], (key) => {
    const now = Date.now()
    const certificate = signCertificate(
      { key },
      {
        profile: 'server',
        subject,
        names,
        publicKey: createPublicKey(key),
        notBefore: new Date(now - CLOCK_SKEW_MS),
        notAfter: new Date(now + (options.days ?? SELF_SIGNED_DAYS) * DAY_MS),
      },
    )
    return [{ name: files.certificate, text: certificate.toString(), mode: 0o644 }, files.key]
  })
}

async function writeRequest(texts: readonly string[], options: PairOptions): Promise<void> {
  const { names, subject } = parseWanted(texts, options)
  const files = pairNames(options.names, 'server', names[0]?.value ?? '')
  await writePair(options, names, [files.request, files.key], (key) => [
    { name: files.request, text: makeRequest(key, { subject, names }), mode: 0o644 },
    files.key,
  ])
}

/** Makes a key, and what `make` makes of it, in the folder that `--out` names. */
async function writePair(
  options: PairOptions,
  names: readonly CertificateName[],
  files: readonly string[],
  make: (key: KeyObject) => readonly [NewFile, keyName: string],
): Promise<void> {
  const folder = resolve(options.out ?? '.')
  if (!options.force) refuseExisting(folder, files)
  const kind = parseKeyKind(options.key)
  const warnings = nameWarnings(names)
  const list = names.map(({ value }) => value)
  if (!options.dryRun) {
    const key = await makeKey(kind)
    const [made, keyName] = make(key)
    await writeFiles(folder, [{ name: keyName, text: await formatKey(key), mode: 0o600 }, made])
  }
  const paths = files.map((file) => join(folder, file))
  printResult(options, { names: list, files: paths, warnings, ...(options.dryRun && { dryRun: true }) }, [
    ...(options.dryRun ? ['would make:'] : []),
    ...formatField('names', list.join(', ')),
    ...paths.flatMap((path, index) => formatField(index === 0 ? 'files' : '', path)),
    ...notes(warnings),
  ])
}

function parseWanted(texts: readonly string[], { ip = [], subject }: PairOptions): { names: CertificateName[]; subject: DistinguishedName } {
  const names = parseCertificateNames([...texts, ...ip])
  const given = subject === undefined ? [] : parseSubject(subject)
  const short = names.find(({ value, kind }) => kind !== 'uri' && value.length <= 64)
  const isWhole = findAttribute(given, 'CN') !== undefined || !short
  return { names, subject: isWhole ? given : [...given, { type: 'CN', value: short.value }] }
}

async function signRequest(path: string, options: SignOptions): Promise<void> {
  const request = parseRequest(await readRequest(path), path)
  const directory = await locatePki(options)
  const target = resolve(options.out ?? join(dirname(path), `${basename(path).replace(/\.(?:csr|req|pem|der)$/, '')}.crt`))
  if (!options.force) refuseExisting(dirname(target), [basename(target)])
  if (options.dryRun) {
    const warnings = [...nameWarnings(request.names), ...requestWarnings(request)]
    const names = options.profile === 'client' ? [`the account ${clientOf(request, options).account}`] : request.names.map(({ value }) => value)
    return printResult(options, { names, file: target, warnings, dryRun: true }, [`would sign for ${names.join(', ')}: ${target}`, ...notes(warnings)])
  }
  await withAuthority(directory, options, async (authority) => {
    const { profile, days } = options
    const issued = profile === 'server' ? await authority.sign(request, profile, days) : await authority.issue(clientOf(request, options))
    const text = chainOf(authority, issued.certificate)
    const paths = await writeOut(directory, dirname(target), [{ name: basename(target), text, mode: 0o644 }])
    printIssued(options, { ...issued, warnings: [...issued.warnings, ...requestWarnings(request)] }, paths)
  })
}

/** A client's certificate names one account, whatever its request names: who signs says which, or trusts the CN. */
function clientOf({ subject, publicKey }: CertificateRequest, { account, days }: SignOptions): LeafRequest {
  const named = account ?? findAttribute(subject, 'CN')
  if (named === undefined)
    throw new CertificateError('the request has no CN that could name an account', { hint: 'say whose requests they will be: --account NAME' })
  const rest = subject.filter(({ type }) => type !== 'CN')
  return { profile: 'client', names: [], subject: rest, publicKey, account: parseAccountName(named), ...(days !== undefined && { days }) }
}

function requestWarnings({ ignored, publicKey }: CertificateRequest): string[] {
  return [...keyWarnings(publicKey), ...(ignored.length > 0 ? [`the request asks for more, which it does not get: ${ignored.join(', ')}`] : [])]
}

async function readRequest(path: string): Promise<Buffer> {
  try {
    return await readFile(path)
  } catch (cause) {
    throw new CertificateError(`cannot read the request ${path}: ${(cause as Error).message}`, { hint: 'make one: lacre cert request NAME', cause })
  }
}
