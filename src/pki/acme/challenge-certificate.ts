import { createPublicKey, randomBytes, sign, X509Certificate } from 'node:crypto'
import { bitString, explicit, extension, integer, objectIdentifier, octetString, sequence, time } from '../der.ts'
import { makeKey } from '../key-kind.ts'
import type { CertificateName } from '../names.ts'
import { encodeNames, SUBJECT_ALTERNATIVE_NAME } from './alternative-names.ts'

const ECDSA_WITH_SHA256 = sequence(objectIdentifier('1.2.840.10045.4.3.2')) // RFC 5758, 3.2
const ACME_IDENTIFIER = '1.3.6.1.5.5.7.1.31' // RFC 8737, 3
const DAY_MS = 24 * 60 * 60 * 1000

/**
 * The self-signed certificate that answers tls-alpn-01: one name, and a critical extension with the digest of the key authorization.
 *
 * @see RFC 8737, 3
 */
export async function makeChallengeCertificate(name: CertificateName, digest: Buffer, now = Date.now()): Promise<{ cert: string; key: string }> {
  const key = await makeKey('ec:p256')
  const nobody = sequence()
  const content = sequence(
    explicit(0, integer('02')),
    integer(`7f${randomBytes(15).toString('hex')}`),
    ECDSA_WITH_SHA256,
    nobody,
    sequence(time(new Date(now - DAY_MS)), time(new Date(now + DAY_MS))),
    nobody,
    createPublicKey(key).export({ type: 'spki', format: 'der' }),
    explicit(3, sequence(extension(ACME_IDENTIFIER, true, octetString(digest)), extension(SUBJECT_ALTERNATIVE_NAME, true, encodeNames([name])))),
  )
  const certificate = sequence(content, ECDSA_WITH_SHA256, bitString(sign('sha256', content, key)))
  return { cert: new X509Certificate(certificate).toString(), key: key.export({ type: 'pkcs8', format: 'pem' }).toString() }
}
