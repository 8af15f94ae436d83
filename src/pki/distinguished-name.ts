import { CertificateError } from './certificate-error.ts'

/** One attribute of a subject, such as `O` and `SINGLETON`. */
export interface NameAttribute {
  readonly type: string
  readonly value: string
}

/** A subject, its attributes in the order of the certificate, for example C, O, OU, CN. */
export type DistinguishedName = readonly NameAttribute[]

/** Attribute → its object identifier and longest value. RFC 4519, 2; lengths of RFC 5280, appendix A.1. */
const attributes: Readonly<Record<string, { readonly oid: string; readonly limit: number }>> = {
  C: { oid: '2.5.4.6', limit: 2 },
  ST: { oid: '2.5.4.8', limit: 128 },
  L: { oid: '2.5.4.7', limit: 128 },
  street: { oid: '2.5.4.9', limit: 128 },
  postalCode: { oid: '2.5.4.17', limit: 40 },
  O: { oid: '2.5.4.10', limit: 64 },
  OU: { oid: '2.5.4.11', limit: 64 },
  CN: { oid: '2.5.4.3', limit: 64 },
  serialNumber: { oid: '2.5.4.5', limit: 64 },
  title: { oid: '2.5.4.12', limit: 64 },
  SN: { oid: '2.5.4.4', limit: 64 },
  GN: { oid: '2.5.4.42', limit: 64 },
  DC: { oid: '0.9.2342.19200300.100.1.25', limit: 63 },
  UID: { oid: '0.9.2342.19200300.100.1.1', limit: 256 },
  emailAddress: { oid: '1.2.840.113549.1.9.1', limit: 255 },
}

const aliases: Readonly<Record<string, string>> = { E: 'emailAddress', S: 'ST', STATE: 'ST', COUNTRY: 'C', ORGANIZATION: 'O', LOCALITY: 'L' }

/** RFC 5280, appendix A.1: ub-common-name. */
export const COMMON_NAME_LIMIT = 64

/**
 * Reads a subject as people write it: `C=FR,O=SINGLETON,OU=R&D`, or openssl's `/C=FR/O=SINGLETON/OU=R&D`. A comma that belongs to
 * a value is written `\,`.
 *
 * @throws CertificateError for an attribute that is not known, an empty value or one that is too long.
 */
export function parseSubject(text: string): DistinguishedName {
  const parts = text.startsWith('/') ? text.slice(1).split(/(?<!\\)\//) : text.split(/(?<!\\)[,;]/)
  return parts.map((part) => parseAttribute(part.trim()))
}

/** A CN, as it was given. @throws CertificateError if it is longer than 64 characters, or has control characters. */
export function parseCommonName(text: string): string {
  return checkLength(checkPrintable({ type: 'CN', value: text })).value
}

/** @throws CertificateError for control characters, which would move the cursor of whoever lists certificates. */
export function checkPrintable(attribute: NameAttribute): NameAttribute {
  if (!/\p{Cc}/u.test(attribute.value)) return attribute
  throw new CertificateError(`${attribute.type}=${JSON.stringify(attribute.value)} has control characters`, { hint: 'a subject is text on one line' })
}

/** `C=FR, O=SINGLETON, CN=registry.intranet`: as {@link parseSubject} reads it. */
export function formatSubject(subject: DistinguishedName): string {
  return subject.map(({ type, value }) => `${type}=${value.replace(/[\\,;]/g, '\\$&').replaceAll('\n', '\\0A')}`).join(', ')
}

export function findAttribute(subject: DistinguishedName, type: string): string | undefined {
  return subject.find((attribute) => attribute.type === type)?.value
}

/** The object identifier of an attribute that {@link parseSubject} knows. */
export function attributeIdentifier(type: string): string {
  return attributes[type]?.oid ?? type
}

/** The name of an attribute by its identifier; the identifier itself where it has none here. */
export function attributeName(oid: string): string {
  return Object.keys(attributes).find((type) => attributes[type]?.oid === oid) ?? oid
}

function parseAttribute(part: string): NameAttribute {
  const [, word = '', value = ''] = /^([A-Za-z]+)\s*=\s*(.*)$/s.exec(part) ?? []
  const type = findType(word)
  if (!type || value === '') {
    throw new CertificateError(`${JSON.stringify(part)} is no part of a subject`, {
      hint: `write it as C=FR,O=SINGLETON,OU=R&D; known are ${Object.keys(attributes).join(' ')}`,
    })
  }
  return checkLength(checkPrintable({ type, value: value.replace(/\\(.)/g, '$1') }))
}

function findType(word: string): string | undefined {
  const upper = word.toUpperCase()
  return aliases[upper] ?? Object.keys(attributes).find((type) => type.toUpperCase() === upper)
}

function checkLength(attribute: NameAttribute): NameAttribute {
  const { limit = COMMON_NAME_LIMIT } = attributes[attribute.type] ?? {}
  const isWrong = attribute.type === 'C' ? !/^[A-Za-z]{2}$/.test(attribute.value) : attribute.value.length > limit || attribute.value === ''
  if (!isWrong) return attribute
  const rule = attribute.type === 'C' ? 'a country has two letters' : `${attribute.type} has 1 to ${limit} characters`
  throw new CertificateError(`${attribute.type}=${attribute.value}: ${rule}`, {
    hint: 'shorten it; host names of any length go into the names, not the subject',
  })
}
