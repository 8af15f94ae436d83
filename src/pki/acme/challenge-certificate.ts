import { createPublicKey } from 'node:crypto'
import { extension, octetString } from '../der.ts'
import { formatKey } from '../key-file.ts'
import { makeKey } from '../key-kind.ts'
import type { CertificateName } from '../names.ts'
import { signCertificate } from '../sign-certificate.ts'

const ACME_IDENTIFIER = '1.3.6.1.5.5.7.1.31'
const DAY_MS = 24 * 60 * 60 * 1000

/**
 * The self-signed certificate that answers tls-alpn-01: one name, and a critical extension with the digest of the key authorization.
 *
 * @see RFC 8737, 3
 */
export async function makeChallengeCertificate(name: CertificateName, digest: Buffer, now = Date.now()): Promise<{ cert: string; key: string }> {
  const key = await makeKey('ec:p256')
  const certificate = signCertificate(
    { key },
    {
      profile: 'server',
      subject: [{ type: 'CN', value: 'ACME challenge' }],
      publicKey: createPublicKey(key),
      names: [name],
      notBefore: new Date(now - DAY_MS),
      notAfter: new Date(now + DAY_MS),
      extensions: [extension(ACME_IDENTIFIER, true, octetString(digest))],
    },
  )
  return { cert: certificate.toString(), key: await formatKey(key) }
}
