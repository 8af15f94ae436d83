import { createPublicKey, type KeyObject, sign } from 'node:crypto'
import { CertificateError } from './certificate-error.ts'
import {
  type CertificateExtension,
  encodeGeneralNames,
  encodeSubject,
  listOtherNames,
  readDistinguishedName,
  readExtensionList,
  readGeneralNames,
} from './certificate-parts.ts'
import { bitString, type DerValue, explicit, extension, integer, objectIdentifier, readChildren, readObjectIdentifier, sequence, set } from './der.ts'
import { checkPrintable, type DistinguishedName, findAttribute } from './distinguished-name.ts'
import { describeKey, signingAlgorithm } from './key-kind.ts'
import { type CertificateName, parseCertificateNames, parseWholeNames } from './names.ts'
import { decodePem, parsePem } from './pem.ts'
import { encodeAlgorithm } from './sign-certificate.ts'
import { readSignedValue } from './signed-value.ts'

/** What somebody with a key of his own wants certified. */
export interface CertificateRequest {
  readonly subject: DistinguishedName
  /** Of its subjectAltName, or else its CN where that is a host name or an address. */
  readonly names: readonly CertificateName[]
  readonly publicKey: KeyObject
  /** All else that it asks for and will not get: object identifiers, such as `2.5.29.19` (to be a CA), and kinds of names. */
  readonly ignored: readonly string[]
}

const EXTENSION_REQUEST = '1.2.840.113549.1.9.14' // RFC 2985, 5.4.2
const ALTERNATIVE_NAMES = '2.5.29.17'
const SHORTEST_RSA = 2048

/** A certificate signing request for a key, PEM: RFC 2986. */
export function makeRequest(key: KeyObject, { subject, names }: Pick<CertificateRequest, 'subject' | 'names'>): string {
  const publicKey = createPublicKey(key).export({ type: 'spki', format: 'der' })
  const wanted = sequence(extension(ALTERNATIVE_NAMES, false, encodeGeneralNames(names)))
  const attributes = explicit(0, sequence(objectIdentifier(EXTENSION_REQUEST), set(wanted)))
  const info = sequence(integer('00'), encodeSubject(subject), publicKey, attributes)
  const der = sequence(info, encodeAlgorithm(key), bitString(sign(signingAlgorithm(key).digest, info, key)))
  return ['-----BEGIN CERTIFICATE REQUEST-----', ...(der.toString('base64').match(/.{1,64}/g) ?? []), '-----END CERTIFICATE REQUEST-----', ''].join('\n')
}

/**
 * Reads a request, PEM or DER.
 *
 * @throws CertificateError if it is none, is not signed with its own key, has a weak key or no names; `what` is its path.
 */
export function parseRequest(content: Buffer, what: string): CertificateRequest {
  const parts = readRequest(content, what)
  const { subject, publicKey } = parts
  if (!parts.isSigned) {
    throw new CertificateError(`the request ${what} is not signed with its own key, or in a way that lacre does not take (SHA-1, RSA-PSS, Ed448)`, {
      hint: 'make it again: lacre cert request NAME, or openssl req -new -sha256',
    })
  }
  const bits = publicKey.asymmetricKeyDetails?.modulusLength ?? SHORTEST_RSA
  if (bits < SHORTEST_RSA) throw new CertificateError(`the key of ${what} is too short: ${describeKey(publicKey)}`, { hint: 'make one of 2048 bits or more' })
  subject.forEach(checkPrintable)
  const named = parseWholeNames(parts.alternativeNames.map(({ value }) => value))
  return { subject, publicKey, names: named.length > 0 ? named : namesOf(subject), ignored: parts.ignored }
}

function readRequest(content: Buffer, what: string) {
  try {
    const request = readSignedValue(requestBytes(content))
    const [, subject, spki, attributes] = readChildren(request.content) as [DerValue, DerValue, DerValue, DerValue?]
    const publicKey = createPublicKey({ key: spki.raw, format: 'der', type: 'spki' })
    const wanted = attributes ? readWanted(attributes) : []
    const alternative = wanted.find(({ oid }) => oid === ALTERNATIVE_NAMES)
    return {
      subject: readDistinguishedName(subject.raw),
      publicKey,
      alternativeNames: alternative ? readGeneralNames(alternative.value) : [],
      ignored: [...wanted.map(({ oid }) => oid).filter((oid) => oid !== ALTERNATIVE_NAMES), ...(alternative ? listOtherNames(alternative.value) : [])],
      isSigned: request.isSignedBy(publicKey),
    }
  } catch (cause) {
    throw new CertificateError(`${what} is no certificate request that can be parsed`, {
      hint: `give a file that begins with -----BEGIN CERTIFICATE REQUEST-----; look at it with: openssl req -noout -text -in ${what}`,
      cause,
    })
  }
}

function requestBytes(content: Buffer): Buffer {
  const block = parsePem(content.toString('latin1')).find(({ label }) => label.endsWith('CERTIFICATE REQUEST'))
  return block ? decodePem(block) : content
}

/** The extensions that it asks for: attribute → set → sequence of extensions. */
function readWanted(attributes: DerValue): CertificateExtension[] {
  const lists = readChildren(attributes).map(readChildren)
  const requested = lists.find(([type]) => type && readObjectIdentifier(type) === EXTENSION_REQUEST)?.[1]
  const [extensions] = requested ? readChildren(requested) : []
  return extensions ? readExtensionList(extensions) : []
}

/**
 * certstrap and openssl put the host name into the CN alone, where no client looks; certstrap's users several of them, with commas.
 * The CN of a person is none.
 */
function namesOf(subject: DistinguishedName): CertificateName[] {
  const commonName = findAttribute(subject, 'CN') ?? ''
  try {
    return commonName === '' || commonName.includes(' ') ? [] : parseCertificateNames([commonName])
  } catch (error) {
    if (error instanceof CertificateError) return []
    throw error
  }
}
