import type { X509Certificate } from 'node:crypto'

const KEY_USAGE = Buffer.from('0603551d0f', 'hex') // OBJECT IDENTIFIER 2.5.29.15, as DER

/** Whether a certificate has names that clients compare; a CN is none since Go 1.15. */
export function hasNames(certificate: X509Certificate): boolean {
  return /(?:^|, )(?:DNS|IP Address):/.test(certificate.subjectAltName ?? '')
}

/** The subject's first CN. */
export function findCommonName(certificate: X509Certificate): string | undefined {
  const line = certificate.subject?.split('\n').find((part) => part.startsWith('CN='))
  return line?.slice(3)
}

/** Whether the key usage extension says keyCertSign; `openssl req -x509` writes no such extension. */
export function signsCertificates(certificate: X509Certificate): boolean {
  const at = certificate.raw.indexOf(KEY_USAGE)
  if (at < 0) return false
  const value = certificate.raw.indexOf(0x03, at + KEY_USAGE.length) // BIT STRING: tag, length, unused bits, bits
  return ((certificate.raw[value + 3] ?? 0) & 0x04) !== 0 // RFC 5280, 4.2.1.3: keyCertSign is bit 5
}

/** Whether clients believe what it signs: a CA whose key usage, where it says anything, allows it (RFC 5280, 4.2.1.3). */
export function maySignCertificates(certificate: X509Certificate): boolean {
  return certificate.ca && (!certificate.raw.includes(KEY_USAGE) || signsCertificates(certificate))
}
