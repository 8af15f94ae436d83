import type { X509Certificate } from 'node:crypto'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { Command } from 'commander'
import { authorityPaths } from '../pki/authority-files.ts'
import { CertificateError } from '../pki/certificate-error.ts'
import { readCertificates } from '../pki/certificate-files.ts'
import { fetchChain } from '../pki/fetch-chain.ts'
import { spkiPin } from '../pki/key-kind.ts'
import { type Judgement, judge } from '../pki/verdict.ts'
import { describeCertificate, formatDescription, formatField } from './certificate-description.ts'
import { locatePki, type PkiOptions, printResult, withPki } from './pki-folder.ts'

interface ShowOptions extends PkiOptions {
  readonly host?: string
  readonly ca?: string
}

const EXAMPLES = `
Examples:
  lacre cert show domain.crt --host registry.intranet
  lacre cert show registry.intranet:5000 --ca ca.crt
  lacre cert show server              the registry's own, with its pin for curl

Without --ca, it is judged as by clients that trust whatever it leads to.`

/** `lacre cert show`: a chain, and what each kind of client makes of it. */
export function showCommand(data: string): Command {
  return withPki(new Command('show').description('a certificate, and what clients will say of it'), data)
    .argument('<what>', 'a file, HOST:PORT of a server, or "server"')
    .option('--host <name>', 'host name or address that clients use')
    .option('--ca <file>', 'what clients trust')
    .addHelpText('after', EXAMPLES)
    .action(show)
}

async function show(what: string, options: ShowOptions): Promise<void> {
  const { chain, host, trusted } = await findChain(what, options)
  const judgement = judge(chain, { ...(host !== undefined && { host }), ...(trusted && { trusted }) })
  const certificates = chain.map((certificate) => describeCertificate(certificate))
  const pin = spkiPin(chain[0])
  printResult(options, { certificates, pin, ...judgement }, [
    ...certificates.flatMap((certificate, index) => [...(index > 0 ? [''] : []), ...formatDescription(certificate)]),
    '',
    ...formatField('curl', `--pinnedpubkey '${pin}'`),
    '',
    ...formatJudgement(judgement),
  ])
}

interface Found {
  readonly chain: readonly [X509Certificate, ...X509Certificate[]]
  readonly host?: string
  readonly trusted?: readonly X509Certificate[]
}

async function findChain(what: string, options: ShowOptions): Promise<Found> {
  const trusted = options.ca === undefined ? {} : { trusted: await readCertificates(options.ca) }
  const host = options.host === undefined ? {} : { host: options.host }
  if (what === 'server') return { ...(await findOwn(options)), ...host, ...trusted }
  if (existsSync(what)) return { chain: await readCertificates(what), ...host, ...trusted }
  const place = parsePlace(what)
  if (!place) {
    throw new CertificateError(`there is no file ${what}`, { hint: 'name a file, or a server with its port, for example registry.intranet:443' })
  }
  return { chain: await fetchChain(place.host, place.port), host: options.host ?? place.host, ...trusted }
}

async function findOwn(options: ShowOptions): Promise<Found> {
  const directory = await locatePki(options)
  const { bundle } = authorityPaths(directory)
  const chain = await readCertificates(join(directory, 'server', 'server.crt'))
  return { chain, ...(existsSync(bundle) && { trusted: await readCertificates(bundle) }) }
}

/** `host:port`, `[::1]:port`, or a name with a dot alone, for port 443. */
function parsePlace(text: string): { host: string; port: number } | undefined {
  const [, bracketed, plain, port] = /^(?:\[([0-9a-f:.]+)\]|([^:/\s]+))(?::(\d{1,5}))?$/i.exec(text) ?? []
  const host = bracketed ?? plain
  if (host === undefined || Number(port) > 65_535 || (port === undefined && !host.includes('.') && !bracketed)) return undefined
  return { host, port: Number(port ?? 443) }
}

function formatJudgement({ host, verdicts, reasons }: Judgement): string[] {
  const width = Math.max(...verdicts.map(({ programs }) => programs.length))
  const lines = verdicts.flatMap(({ programs, refusal }) =>
    refusal === undefined ? [`  ${programs.padEnd(width)}  accept it`] : [`  ${programs.padEnd(width)}  refuse it`, ...formatField('', refusal, 6)],
  )
  return [`As the certificate of the server ${host}:`, ...lines, ...reasons.flatMap((reason) => formatField('because', reason))]
}
