import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto'
import { existsSync } from 'node:fs'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { CertificateError } from '../pki/certificate-error.ts'
import { hasNames } from '../pki/certificate-traits.ts'
import { isCertificate, isEncrypted, isPrivateKey, readPem } from '../pki/pem.ts'

/** The certificate and key of one end of a docker connection, and the CA that both ends trust. All PEM. */
export interface DockerPair {
  readonly ca: string
  readonly certificate: string
  readonly key: string
  readonly leaf: X509Certificate
}

export type Purpose = 'server' | 'client'

const PURPOSES: Readonly<Record<Purpose, string>> = { server: '1.3.6.1.5.5.7.3.1', client: '1.3.6.1.5.5.7.3.2' } // RFC 5280, 4.2.1.12
const ANY_PURPOSE = '2.5.29.37.0'

/** Document 004's names: `ca.pem`, `server-cert.pem`, `server-key.pem`, `client-cert.pem`, `client-key.pem`. */
export function dockerPaths(directory: string, name: string) {
  return {
    ca: join(directory, 'ca.pem'),
    caKey: join(directory, 'ca-key.pem'),
    certificate: join(directory, `${name}-cert.pem`),
    key: join(directory, `${name}-key.pem`),
  }
}

/** The names of all that have a certificate in the folder, for example `server` and `client`. */
export async function listPairs(directory: string): Promise<string[]> {
  const names = await readdir(directory)
  return names.flatMap((name) => /^(.+)-cert\.pem$/.exec(name)?.[1] ?? []).sort()
}

/**
 * Reads what docker (or dockerd) would load.
 *
 * @throws CertificateError that says what docker would trip over: an encrypted key, a key of another certificate, another CA, another purpose.
 */
export async function readPair(directory: string, name: string, purpose: Purpose, now: number): Promise<DockerPair> {
  const paths = dockerPaths(directory, name)
  const leaf = await readCertificate(paths.certificate, remedyFor(name))
  const ca = await readCertificate(paths.ca, 'make one: lacre docker-tls init')
  const key = await readPlainKey(paths.key, remedyFor(name))
  if (!leaf.checkPrivateKey(key)) throw await mismatch(directory, name, leaf)
  if (!leaf.checkIssued(ca) || !leaf.verify(ca.publicKey))
    throw new CertificateError(`${paths.certificate} was not signed by ${paths.ca}`, { hint: remedyFor(name) })
  checkPurpose(leaf, paths.certificate, purpose, remedyFor(name))
  if (leaf.validToDate.getTime() <= now) {
    throw new CertificateError(`${paths.certificate} ended on ${leaf.validToDate.toISOString()}`, { hint: 'renew it: lacre docker-tls renew' })
  }
  return { ca: ca.toString(), certificate: leaf.toString(), key: key.export({ type: 'pkcs8', format: 'pem' }).toString(), leaf }
}

function remedyFor(name: string): string {
  return `make it again: lacre docker-tls ${name === 'server' ? 'init --host NAME' : `client ${name} --force`}`
}

export async function readCertificate(path: string, hint: string): Promise<X509Certificate> {
  const block = existsSync(path) ? (await readPem(path, 'certificate')).find(isCertificate) : undefined
  if (!block) throw new CertificateError(existsSync(path) ? `${path} holds no certificate in PEM` : `there is no ${path}`, { hint })
  return parseOr(() => new X509Certificate(block.text), `the certificate in ${path} cannot be parsed`, hint)
}

/** Go, in which docker is written, loads no encrypted key. */
export async function readPlainKey(path: string, hint: string): Promise<KeyObject> {
  const block = existsSync(path) ? (await readPem(path, 'private key')).find(isPrivateKey) : undefined
  if (!block) throw new CertificateError(existsSync(path) ? `${path} holds no private key in PEM` : `there is no ${path}`, { hint })
  if (!isEncrypted(block)) return parseOr(() => createPrivateKey(block.text), `the private key in ${path} cannot be parsed`, hint)
  throw new CertificateError(`the private key ${path} is encrypted, and docker asks nobody for the passphrase ("tls: failed to parse private key")`, {
    hint: `write it without one, readable by you alone: (umask 077; openssl pkey -in ${path} -out plain.pem && mv plain.pem ${path}); or ${hint}`,
  })
}

/** Document 004 signs the client's request with the server's key: then the certificate names that one. */
async function mismatch(directory: string, name: string, leaf: X509Certificate): Promise<CertificateError> {
  const { certificate, key } = dockerPaths(directory, name)
  const others = (await listPairs(directory)).filter((other) => other !== name).map((other) => dockerPaths(directory, other).key)
  const keys = await Promise.all(
    others.map((path) =>
      readPlainKey(path, '').then(
        (found) => ({ path, found }),
        () => undefined,
      ),
    ),
  )
  const meant = keys.find((entry) => entry && leaf.checkPrivateKey(entry.found))
  const why = meant ? `: its request was made with ${meant.path}` : ''
  return new CertificateError(`${key} is not the key of ${certificate}${why} (docker: "private key does not match public key")`, { hint: remedyFor(name) })
}

function checkPurpose(leaf: X509Certificate, path: string, purpose: Purpose, hint: string): void {
  const purposes: readonly string[] = leaf.keyUsage ?? [] // @NOTE Node calls the extended key usage `keyUsage`
  if (purposes.length > 0 && !purposes.includes(PURPOSES[purpose]) && !purposes.includes(ANY_PURPOSE)) {
    const lacks = `its extended key usage lacks ${purpose}Auth`
    throw new CertificateError(`${path} is not for ${purpose}s: ${lacks}`, { hint })
  }
  if (purpose === 'server' && !hasNames(leaf)) {
    const error = 'docker: "certificate relies on legacy Common Name field, use SANs instead"'
    throw new CertificateError(`${path} has no subjectAltName, and its CN does not count (${error})`, { hint })
  }
}

function parseOr<T>(parse: () => T, message: string, hint: string): T {
  try {
    return parse()
  } catch (cause) {
    throw new CertificateError(message, { hint, cause })
  }
}
