import { type Command, Option } from 'commander'
import { CertificateError } from '../pki/certificate-error.ts'
import { isPublic } from '../pki/name-constraints.ts'
import { type CertificateName, parseCertificateNames } from '../pki/names.ts'
import type { CertificateSource } from './certificate-source.ts'

/** What `lacre up` takes for a certificate of an ACME server. */
export interface AcmeOptions {
  /** The address that the ACME server may write to. */
  readonly acme?: string
  readonly acmeChallenge?: 'http-01' | 'tls-alpn-01'
  readonly acmeStaging?: boolean
  readonly acmeDirectory?: string
  readonly acmeCa?: string
  readonly acmeHttpPort: string
  readonly acmeEabKid?: string
  readonly acmeEabKeyFile?: string
}

export function addAcmeOptions(command: Command): Command {
  return command
    .option('--acme <email>', "have Let's Encrypt (or another ACME server) issue the certificate, in place of an authority of one's own")
    .option('--acme-staging', "use Let's Encrypt's staging, to try things out: nobody trusts its certificates")
    .addOption(new Option('--acme-challenge <kind>', 'how to show that the names lead here').choices(['tls-alpn-01', 'http-01']))
    .option('--acme-http-port <number>', 'port that answers http-01', '80')
    .option('--acme-directory <url>', 'directory of another ACME server')
    .option('--acme-ca <file>', 'PEM of the authority of that server, where this machine does not trust it')
    .option('--acme-eab-kid <id>', 'key identifier of an external account binding')
    .option('--acme-eab-key-file <file>', 'file with the HMAC key of that binding, in base64url')
}

/**
 * A certificate that is ordered once the server serves. Port 443 answers the challenge itself; with any other port it is http-01.
 *
 * @throws CertificateError for hosts that no ACME server certifies, or options that do not go together.
 */
export function acmeSource(hosts: readonly string[], port: number, options: AcmeOptions): CertificateSource {
  const directoryurl = acmeDirectory(options)
  const names = acmeNames(hosts, directoryurl === undefined ? isPublic : () => true)
  const challenge = options.acmeChallenge ?? (port === 443 ? 'tls-alpn-01' : 'http-01')
  const staging = options.acmeStaging === true
  const server = directoryurl ?? `Let's Encrypt${staging ? ' (staging)' : ''}`
  const eab = acmeBinding(options)
  return {
    host: names[0] ?? '',
    config: {
      tls: { letsencrypt: { hosts: names, ...(options.acme && { email: options.acme }), ...(directoryurl && { directoryurl }) } },
      lacre: { acme: { challenge, staging, httpaddr: `:${options.acmeHttpPort}`, ...(options.acmeCa && { cafile: options.acmeCa }), eab } },
      log: { level: 'info' }, // whoever waits for a certificate wants to read that it has come
    },
    facts: { acme: { server, names, challenge } },
    lines: [`issuer     ${server}, by ${challenge}; the log tells when the certificate is here`],
    explainTrust: () => (staging ? 'Certificates of the staging are trusted by nobody. Later, without --acme-staging:' : 'Log in and push, from anywhere:'),
    afterword: '',
  }
}

/** @throws CertificateError if there are options for an ACME server that nobody asked for. */
export function refuseLoneOptions({ acme, acmeHttpPort: _, ...others }: AcmeOptions): void {
  const [lone] = Object.keys(others).filter((name) => name.startsWith('acme'))
  if (acme !== undefined || lone === undefined) return
  const option = `--${lone.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`
  throw new CertificateError(`${option} goes with --acme`, { hint: 'add --acme EMAIL to have the certificate issued by an ACME server' })
}

function acmeNames(hosts: readonly string[], isReachable: (name: CertificateName) => boolean): string[] {
  const names = parseCertificateNames(hosts)
  const [wrong] = names.filter(({ kind, value }) => kind === 'uri' || value.startsWith('*.') || (kind === 'dns' && !value.includes('.')))
  if (wrong)
    throw new CertificateError(`no ACME server issues a certificate for ${wrong.value} here`, {
      hint: 'give whole public names, without wildcards: registry.example.com',
    })
  const inside = names.find((name) => !isReachable(name))
  if (inside)
    throw new CertificateError(`Let's Encrypt cannot reach ${inside.value}, which is private: it would never issue the certificate`, {
      hint: 'give the public name, or an ACME server of your own network with --acme-directory URL; without --acme, lacre up makes a CA of its own',
    })
  if (names.length > 0) return names.map(({ value }) => value)
  throw new CertificateError('--acme needs the name that clients will use', { hint: 'for example: lacre up --acme you@example.com registry.example.com' })
}

function acmeDirectory({ acmeDirectory: url, acmeStaging }: AcmeOptions): string | undefined {
  if (url !== undefined && acmeStaging) throw new CertificateError('--acme-staging and --acme-directory name two servers', { hint: 'keep one of them' })
  if (url === undefined || URL.parse(url)?.protocol === 'https:') return url
  throw new CertificateError(`${JSON.stringify(url)} is no https URL`, { hint: 'for example --acme-directory https://acme.example.com/directory' })
}

function acmeBinding({ acmeEabKid: kid, acmeEabKeyFile: hmackeyfile }: AcmeOptions): { kid?: string; hmackeyfile?: string } {
  if ((kid === undefined) === (hmackeyfile === undefined)) return kid === undefined || hmackeyfile === undefined ? {} : { kid, hmackeyfile }
  throw new CertificateError('an external account binding has a key identifier and a key', {
    hint: 'give both --acme-eab-kid and --acme-eab-key-file, or neither',
  })
}
