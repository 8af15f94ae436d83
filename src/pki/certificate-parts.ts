import type { X509Certificate } from 'node:crypto'
import { addressBytes, formatAddress } from './address.ts'
import { type DerValue, encode, objectIdentifier, readChildren, readDer, readObjectIdentifier, sequence, set } from './der.ts'
import { attributeIdentifier, attributeName, type DistinguishedName } from './distinguished-name.ts'
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
export function readDistinguishedName(der: Buffer): DistinguishedName {
  const pairs = readChildren(readDer(der)).flatMap(readChildren).map(readChildren)
  return pairs.map(([type, value]) => ({ type: attributeName(readObjectIdentifier(type as DerValue)), value: readText(value as DerValue) }))
}

/** The names a certificate carries, in the form of {@link formatCertificateName}. */
export function certificateNames(certificate: X509Certificate): string[] {
  return readNames(certificate).map(formatCertificateName)
}

/** The names a certificate carries. */
export function readNames(certificate: X509Certificate): CertificateName[] {
  const value = findExtension(certificate, '2.5.29.17')
  return value ? readGeneralNames(value) : []
}

/** The host names, addresses and URIs of a subjectAltName, DER; other kinds are left out. */
export function readGeneralNames(der: Buffer): CertificateName[] {
  return readChildren(readDer(der)).flatMap(({ tag, content }): CertificateName[] => {
    if (tag === GENERAL_NAME.dns) return [{ kind: 'dns', value: content.toString('latin1') }]
    if (tag === GENERAL_NAME.uri) return [{ kind: 'uri', value: content.toString('latin1') }]
    return tag === GENERAL_NAME.ip ? [{ kind: 'ip', value: formatAddress(content) }] : []
  })
}

/** What else a subjectAltName, DER, holds beside those: the kinds of names that lacre gives to no certificate. */
export function listOtherNames(der: Buffer): string[] {
  return [...new Set(readChildren(readDer(der)).flatMap(({ tag }) => OTHER_NAMES[tag] ?? []))]
}

/** A distinguished name as certificates hold it, DER. */
export function encodeSubject(subject: DistinguishedName): Buffer {
  return sequence(
    ...subject.map(({ type, value }) => set(sequence(objectIdentifier(attributeIdentifier(type)), encode(stringTag(type, value), Buffer.from(value))))),
  )
}

/** A subjectAltName, DER: the reverse of {@link readGeneralNames}. */
export function encodeGeneralNames(names: readonly CertificateName[]): Buffer {
  return sequence(...names.map(({ kind, value }) => encode(GENERAL_NAME[kind], kind === 'ip' ? addressBytes(value) : Buffer.from(value, 'latin1'))))
}

export interface CertificateExtension {
  readonly oid: string
  /** What it holds, DER. */
  readonly value: Buffer
  /** All of it, DER, whether it is critical included. */
  readonly raw: Buffer
}

/** The extensions of a certificate, in its order. */
export function readExtensions(certificate: X509Certificate): CertificateExtension[] {
  const list = certificateFields(certificate).find(({ tag }) => tag === EXTENSIONS)
  return list ? readExtensionList(readDer(list.content)) : []
}

/** The extensions in a list of them, be it of a certificate or a request. */
export function readExtensionList(list: DerValue): CertificateExtension[] {
  return readChildren(list).map((item) => {
    const parts = readChildren(item) as [DerValue, ...DerValue[]]
    return { oid: readObjectIdentifier(parts[0]), value: (parts.at(-1) as DerValue).content, raw: item.raw }
  })
}

/** What an extension holds, DER; `undefined` where the certificate has none of that identifier. */
export function findExtension(certificate: X509Certificate, oid: string): Buffer | undefined {
  return readExtensions(certificate).find((extension) => extension.oid === oid)?.value
}

/** The first byte of the key usage, RFC 5280 4.2.1.3; `undefined` where there is none, and everything allowed. */
export function readKeyUsage(certificate: X509Certificate): number | undefined {
  const value = findExtension(certificate, '2.5.29.15')
  return value && (readDer(value).content[1] ?? 0)
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

const GENERAL_NAME = { dns: 0x82, uri: 0x86, ip: 0x87 } as const // RFC 5280, 4.2.1.6
const OTHER_NAMES: Readonly<Record<number, string>> = {
  160: 'otherName',
  129: 'rfc822Name',
  163: 'x400Address',
  164: 'directoryName',
  165: 'ediPartyName',
  136: 'registeredID',
}
const PRINTABLE_STRING = 0x13
const UTF8_STRING = 0x0c
const IA5_STRING = 0x16
const BMP_STRING = 0x1e

/** RFC 5280, appendix A.1: a country is printable, a domain component and an address of mail are IA5. */
function stringTag(type: string, value: string): number {
  if (type === 'DC' || type === 'emailAddress') return IA5_STRING
  return type === 'C' || /^[A-Za-z0-9 '()+,./:=?-]*$/.test(value) ? PRINTABLE_STRING : UTF8_STRING
}

function readText({ tag, content }: DerValue): string {
  return tag === BMP_STRING ? Buffer.from(content).swap16().toString('utf16le') : content.toString('utf8')
}
