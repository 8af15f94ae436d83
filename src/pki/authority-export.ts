import { createHash, X509Certificate } from 'node:crypto'
import { CertificateError } from './certificate-error.ts'
import { readSubject } from './certificate-parts.ts'
import { findAttribute } from './distinguished-name.ts'
import { isCertificate, parsePem } from './pem.ts'

/** Files by their path below the folder they are put into. */
export type ExportedFiles = Readonly<Record<string, string | Buffer>>

interface Trust {
  /** PEM of all roots. */
  readonly bundle: string
  readonly roots: readonly X509Certificate[]
  /** The registry as references name it, for example `registry.intranet:5000`. */
  readonly host: string | undefined
}

/** What clients of each kind take the CA from. Public material only. */
const formats = {
  pem: ({ bundle }) => ({ 'ca.crt': bundle }),
  der: ({ roots }) => Object.fromEntries(roots.map(({ raw }, index) => [index === 0 ? 'ca.der' : `ca-${index + 1}.der`, raw])),
  docker: ({ bundle, host }) => ({ [`${needHost(host)}/ca.crt`]: bundle }),
  containerd: ({ bundle, host }) => ({
    [`${containerdFolder(needHost(host))}/ca.crt`]: bundle,
    [`${containerdFolder(needHost(host))}/hosts.toml`]: hostsToml(needHost(host)),
  }),
  'k8s-configmap': ({ bundle }) => ({ 'lacre-ca.yaml': configMap(bundle) }),
  mobileconfig: ({ roots }) => ({ 'lacre-ca.mobileconfig': mobileConfig(roots) }),
} as const satisfies Readonly<Record<string, (trust: Trust) => ExportedFiles>>

export type ExportFormat = keyof typeof formats

export const exportFormats = Object.keys(formats) as ExportFormat[]

/**
 * The CA's public part in the files that a kind of client reads.
 *
 * @throws CertificateError for an unknown format, or one that needs the registry's host and has none.
 */
export function exportAuthority(format: string, bundle: string, host?: string): ExportedFiles {
  const found = exportFormats.find((name) => name === format)
  if (!found) throw new CertificateError(`${JSON.stringify(format)} is no format`, { hint: `one of ${exportFormats.join(', ')}` })
  const roots = parsePem(bundle)
    .filter(isCertificate)
    .map(({ text }) => new X509Certificate(text))
  return formats[found]({ bundle, roots, host })
}

/** What a person types to make Java trust the CA, once for each root. */
export function keytoolLines(bundle: string, path: string): string[] {
  const count = parsePem(bundle).filter(isCertificate).length
  const note = count > 1 ? [`# ${path} holds ${count} roots, and keytool takes one a file: export them with --format der`] : []
  return [...note, `keytool -importcert -noprompt -cacerts -storepass changeit -alias lacre -file ${path}`]
}

function needHost(host: string | undefined): string {
  if (host !== undefined && /^[A-Za-z0-9.-]+(?::\d+)?$|^\[[0-9a-f:]+\](?::\d+)?$/i.test(host)) return host
  const trouble = host === undefined ? 'this format needs the name of the registry' : `${JSON.stringify(host)} is no registry`
  throw new CertificateError(trouble, { hint: 'give it as images are named, with the port: --host registry.intranet:5000' })
}

/** containerd reads `HOST_PORT_` before `HOST:PORT`, and only the first may be a folder's name everywhere. */
function containerdFolder(host: string): string {
  return host.replace(/:(\d+)$/, '_$1_')
}

function hostsToml(host: string): string {
  return `server = "https://${host}"\n\n[host."https://${host}"]\n  ca = "ca.crt"\n`
}

function configMap(bundle: string): string {
  const indented = bundle.trimEnd().replace(/^/gm, '    ')
  return `apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: lacre-ca\ndata:\n  ca.crt: |\n${indented}\n`
}

/** A profile for macOS and iOS; its identifiers follow from the roots, so that a second installation replaces the first. */
function mobileConfig(roots: readonly X509Certificate[]): string {
  const payloads = roots.map((root) => dictionary({ ...payload('com.apple.security.root', root.raw, commonName(root)), PayloadContent: root.raw }))
  const profile = payload('Configuration', Buffer.concat(roots.map(({ raw }) => raw)), `Trust ${roots.map(commonName).join(', ')}`)
  const content = dictionary(profile, `<key>PayloadContent</key><array>\n${payloads.join('\n')}\n</array>`)
  const type = '<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">'
  return `<?xml version="1.0" encoding="UTF-8"?>\n${type}\n<plist version="1.0">\n${content}\n</plist>\n`
}

function payload(type: string, content: Buffer, name: string) {
  const uuid = uuidOf(content)
  return { PayloadType: type, PayloadVersion: 1, PayloadIdentifier: `lacre.${uuid}`, PayloadUUID: uuid, PayloadDisplayName: name }
}

function dictionary(values: Readonly<Record<string, string | number | Buffer>>, more = ''): string {
  const lines = Object.entries(values).map(([key, value]) => `<key>${key}</key>${element(value)}`)
  return `<dict>\n${[...lines, ...(more === '' ? [] : [more])].join('\n')}\n</dict>`
}

function element(value: string | number | Buffer): string {
  if (typeof value === 'number') return `<integer>${value}</integer>`
  if (typeof value === 'string') return `<string>${escapeXml(value)}</string>`
  return `<data>${value.toString('base64')}</data>`
}

function escapeXml(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')
}

function uuidOf(content: Buffer): string {
  const hex = createHash('sha256').update(content).digest('hex')
  return [hex.slice(0, 8), hex.slice(8, 12), `5${hex.slice(13, 16)}`, `8${hex.slice(17, 20)}`, hex.slice(20, 32)].join('-').toUpperCase()
}

function commonName(root: X509Certificate): string {
  return findAttribute(readSubject(root), 'CN') ?? 'lacre CA'
}
