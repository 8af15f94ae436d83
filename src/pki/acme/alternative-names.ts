import { addressBytes } from '../address.ts'
import { encode, sequence } from '../der.ts'
import type { CertificateName } from '../names.ts'

export const SUBJECT_ALTERNATIVE_NAME = '2.5.29.17' // RFC 5280, 4.2.1.6
const DNS_NAME = 0x82 // [2] and [7]
const IP_ADDRESS = 0x87

/** The extension's value: DER. */
export function encodeNames(names: readonly CertificateName[]): Buffer {
  return sequence(...names.map(encodeName))
}

function encodeName({ kind, value }: CertificateName): Buffer {
  return kind === 'dns' ? encode(DNS_NAME, Buffer.from(value)) : encode(IP_ADDRESS, addressBytes(value))
}
