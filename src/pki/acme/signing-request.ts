import { createPublicKey, type KeyObject, sign } from 'node:crypto'
import { bitString, encode, explicit, extension, integer, objectIdentifier, sequence } from '../der.ts'
import type { CertificateName } from '../names.ts'
import { encodeNames, SUBJECT_ALTERNATIVE_NAME } from './alternative-names.ts'

const ECDSA_WITH_SHA256 = sequence(objectIdentifier('1.2.840.10045.4.3.2')) // RFC 5758, 3.2
const EXTENSION_REQUEST = objectIdentifier('1.2.840.113549.1.9.14') // RFC 2985, 5.4.2
const SET = 0x31

/** A request for a certificate with these names and no subject, signed by a P-256 key: DER. RFC 2986. */
export function signingRequest(key: KeyObject, names: readonly CertificateName[]): Buffer {
  const wanted = sequence(EXTENSION_REQUEST, encode(SET, sequence(extension(SUBJECT_ALTERNATIVE_NAME, false, encodeNames(names)))))
  const content = sequence(integer('00'), sequence(), createPublicKey(key).export({ type: 'spki', format: 'der' }), explicit(0, wanted))
  return sequence(content, ECDSA_WITH_SHA256, bitString(sign('sha256', content, key)))
}
