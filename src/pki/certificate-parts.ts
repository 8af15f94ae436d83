import type { X509Certificate } from 'node:crypto'
import { formatAddress } from './address.ts'
import { type DerValue, objectIdentifier, readChildren, readDer, readObjectIdentifier } from './der.ts'
import { attributeName, type DistinguishedName } from './distinguished-name.ts'
import { type CertificateName, formatCertificateName } from './names.ts'

/** The subject as it stands in the certificate, DER: what issuers of others must repeat byte by byte. */
export function subjectBytes(certificate: X509Certificate): Buffer {
  const fields = certificateFields(certificate)
  return (fields[fields[0]?.tag === VERSION ? 5 : 4] as DerValue).raw // RFC 5280, 4.1: version?, serial, signature, issuer, validity, subject
}

/** The subject's attributes in their order. */
export function readSubject(certificate: X509Certificate): DistinguishedName {
  return readDistinguishedName(subjectBytes(certificate))
}

/** A distinguished name from its DER. */
function readDistinguishedName(der: Buffer): DistinguishedName {
  const pairs = readChildren(readDer(der)).flatMap(readChildren).map(readChildren)
  return pairs.map(([type, value]) => ({ type: attributeName(readObjectIdentifier(type as DerValue)), value: readText(value as DerValue) }))
}

/** The names a certificate carries, in the form of {@link formatCertificateName}. */
export function certificateNames(certificate: X509Certificate): string[] {
  const value = findExtension(certificate, '2.5.29.17')
  return value ? readGeneralNames(value).map(formatCertificateName) : []
}

/** The host names, addresses and URIs of a subjectAltName, DER; other kinds are left out. */
function readGeneralNames(der: Buffer): CertificateName[] {
  return readChildren(readDer(der)).flatMap(({ tag, content }): CertificateName[] => {
    if (tag === 0x82) return [{ kind: 'dns', value: content.toString('latin1') }]
    if (tag === 0x86) return [{ kind: 'uri', value: content.toString('latin1') }]
    return tag === 0x87 ? [{ kind: 'ip', value: formatAddress(content) }] : []
  })
}

/** What an extension holds, DER; `undefined` where the certificate has none of that identifier. */
export function findExtension(certificate: X509Certificate, oid: string): Buffer | undefined {
  const list = certificateFields(certificate).find(({ tag }) => tag === EXTENSIONS)
  if (!list) return undefined
  const wanted = objectIdentifier(oid)
  const parts = readChildren(readDer(list.content)).map(readChildren)
  return parts.find(([id]) => id?.raw.equals(wanted))?.at(-1)?.content
}

/** The subject key identifier: `undefined` in certificates of `openssl req -x509` without a configuration. */
export function findKeyIdentifier(certificate: X509Certificate): Buffer | undefined {
  const value = findExtension(certificate, '2.5.29.14')
  return value && readDer(value).content
}

const VERSION = 0xa0
const EXTENSIONS = 0xa3

function certificateFields({ raw }: X509Certificate): DerValue[] {
  const [signed] = readChildren(readDer(raw))
  return readChildren(signed as DerValue)
}

const BMP_STRING = 0x1e

function readText({ tag, content }: DerValue): string {
  return tag === BMP_STRING ? Buffer.from(content).swap16().toString('utf16le') : content.toString('utf8')
}
