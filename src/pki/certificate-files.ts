import { X509Certificate } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { CertificateError } from './certificate-error.ts'
import { certificateNames, readKeyUsage, readSubject } from './certificate-parts.ts'
import { readNameConstraints } from './name-constraints.ts'
import { isCertificate, parsePem } from './pem.ts'

/**
 * Reads all certificates of a file in their order, PEM, or one in DER.
 *
 * @throws CertificateError if the file cannot be read, or holds none that can be parsed.
 */
export async function readCertificates(path: string): Promise<[X509Certificate, ...X509Certificate[]]> {
  const bytes = await readBytes(path)
  const blocks = parsePem(bytes.toString('latin1')).filter(isCertificate)
  const isDer = blocks.length === 0 && bytes[0] === 0x30
  const [first, ...rest] = (isDer ? [bytes] : blocks.map(({ text }) => text)).map((content) => parse(content, path))
  if (first) return [first, ...rest]
  throw new CertificateError(`${path} holds no whole certificate`, { hint: 'give a file that begins with -----BEGIN CERTIFICATE----- and has its END line' })
}

/**
 * Reads all of a certificate that is read later: keys, dates and extensions are decoded when somebody asks for them, and what is
 * damaged would show only there.
 *
 * @throws Error if any of it is damaged.
 */
export function checkWhole(certificate: X509Certificate): X509Certificate {
  certificate.publicKey.export({ type: 'spki', format: 'der' })
  certificate.validFromDate.toISOString()
  certificate.validToDate.toISOString()
  readSubject(certificate)
  certificateNames(certificate)
  readNameConstraints(certificate)
  readKeyUsage(certificate)
  return certificate
}

async function readBytes(path: string): Promise<Buffer> {
  try {
    return await readFile(path)
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause)
    throw new CertificateError(`cannot read the certificate ${path}: ${reason}`, { hint: 'check that the path is right and that this user may read it', cause })
  }
}

function parse(content: string | Buffer, path: string): X509Certificate {
  try {
    return checkWhole(new X509Certificate(content))
  } catch (cause) {
    throw new CertificateError(`${path} holds a certificate that cannot be parsed: it is damaged or cut short`, {
      hint: `look at it with: openssl x509 -noout -text -in ${path}`,
      cause,
    })
  }
}
