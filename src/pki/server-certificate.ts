import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto'
import { CertificateError } from './certificate-error.ts'
import { type CertificateFiles, findProblems, type Problem } from './certificate-problems.ts'
import { isCertificate, isEncrypted, isPrivateKey, type PemBlock, readPem } from './pem.ts'

/** A certificate and key that belong together. */
export interface ServerCertificate {
  /** PEM: the server's own certificate first, then what else the file holds. */
  readonly certificate: string
  /** PEM, not encrypted. */
  readonly key: string
  readonly leaf: X509Certificate
  /** What clients will trip over, though the server can start. */
  readonly problems: readonly Problem[]
}

/**
 * Reads a server's certificate and key as Distribution does: the first certificate of the file is the server's own.
 *
 * @throws CertificateError if a file cannot be read or parsed, the key is encrypted, or the key does not match the certificate.
 */
export async function loadServerCertificate(files: CertificateFiles, now: () => number = Date.now): Promise<ServerCertificate> {
  const certificates = (await readPem(files.certificate, 'certificate')).filter(isCertificate)
  const chain = certificates.map((block) => parseCertificate(block, files.certificate))
  const leaf = chain[0]
  if (!leaf) throw noCertificate(files.certificate)

  const keyBlock = await readPrivateKey(files.key)
  const privateKey = parsePrivateKey(keyBlock, files.key)
  if (!leaf.checkPrivateKey(privateKey)) throw mismatch(files, chain, privateKey)

  return {
    certificate: certificates.map((block) => block.text).join(''),
    key: keyBlock.text,
    leaf,
    problems: await findProblems(files, chain, now()),
  }
}

/** Turns problems into a refusal, for those who want no warnings but a clean start. */
export function refuseProblems(problems: readonly Problem[]): void {
  if (problems.length === 0) return
  const sentences = problems.map((problem) => problem.sentence).join('; ')
  throw new CertificateError(sentences, { hint: problems.map((problem) => problem.remedy).join('; ') })
}

/**
 * Reads a file of certificates to verify others with, such as `clientcas`.
 *
 * @throws CertificateError if the file cannot be read or holds no certificate.
 */
export async function loadAuthorities(path: string): Promise<X509Certificate[]> {
  const blocks = (await readPem(path, 'client CA file')).filter(isCertificate)
  if (blocks.length === 0) throw noCertificate(path)
  return blocks.map((block) => parseCertificate(block, path))
}

function parseCertificate(block: PemBlock, path: string): X509Certificate {
  try {
    return new X509Certificate(block.text)
  } catch (cause) {
    throw new CertificateError(`${path} holds a certificate that cannot be parsed`, { hint: `look at it with: openssl x509 -noout -text -in ${path}`, cause })
  }
}

async function readPrivateKey(path: string): Promise<PemBlock> {
  const block = (await readPem(path, 'private key')).find(isPrivateKey)
  if (!block) throw new CertificateError(`${path} holds no private key in PEM`, { hint: 'are the paths of certificate and key swapped?' })
  if (isEncrypted(block)) {
    throw new CertificateError(`the private key ${path} is encrypted, and a server has nobody to ask for the passphrase`, {
      hint: `write a key without passphrase, readable by the server alone: (umask 077; openssl pkey -in ${path} -out server.key)`,
    })
  }
  return block
}

function parsePrivateKey(block: PemBlock, path: string): KeyObject {
  try {
    return createPrivateKey(block.text)
  } catch (cause) {
    throw new CertificateError(`the private key ${path} cannot be parsed`, { hint: `look at it with: openssl pkey -noout -text -in ${path}`, cause })
  }
}

function noCertificate(path: string): CertificateError {
  return new CertificateError(`${path} holds no certificate in PEM`, {
    hint: 'give a file that begins with -----BEGIN CERTIFICATE-----; are the paths of certificate and key swapped?',
  })
}

function mismatch(files: CertificateFiles, chain: readonly X509Certificate[], key: KeyObject): CertificateError {
  const isOrder = chain.some((certificate) => certificate.checkPrivateKey(key))
  const hint = isOrder
    ? `in ${files.certificate} put the server's own certificate first, then the intermediates`
    : `take the key that ${files.certificate} was made with; compare: openssl x509 -noout -pubkey -in CERTIFICATE and openssl pkey -pubout -in KEY`
  return new CertificateError(`the private key ${files.key} does not match the certificate ${files.certificate}`, { hint })
}
