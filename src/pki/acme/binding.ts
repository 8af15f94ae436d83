import { CertificateError } from '../certificate-error.ts'
import { readText } from '../pem.ts'

/** External account binding: an account that the operator of an ACME server knows already. RFC 8555, 7.3.4. */
export interface Binding {
  readonly kid: string
  readonly hmacKey: Buffer
}

/** @throws CertificateError if the file does not hold a key in base64url. */
export async function readBinding(kid: string, path: string): Promise<Binding> {
  const text = (await readText(path, 'HMAC key')).trim()
  if (/^[\w+/-]+=*$/.test(text)) return { kid, hmacKey: Buffer.from(text, 'base64url') }
  throw new CertificateError(`${path} holds no HMAC key`, { hint: 'put the key there as the operator of the ACME server gave it: one line of base64url' })
}
