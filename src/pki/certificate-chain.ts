import type { X509Certificate } from 'node:crypto'

/** More than this no chain has; a ring of cross-signed ones has no end. */
const LONGEST = 10

/**
 * The path from a server's certificate to one that the client trusts, both included, through what the server sent after it.
 * `undefined` where there is none. Time, names and purposes are not looked at.
 */
export function findPath([leaf, ...sent]: readonly X509Certificate[], trusted: readonly X509Certificate[]): X509Certificate[] | undefined {
  const path = leaf ? [leaf] : []
  while (path.length > 0 && path.length < LONGEST) {
    const last = path.at(-1) as X509Certificate
    if (trusted.some((certificate) => isSame(certificate, last))) return path
    const next = findIssuer(last, trusted) ?? findIssuer(last, sent)
    if (!next || path.some((certificate) => isSame(certificate, next))) return undefined
    path.push(next)
  }
  return undefined
}

/** A certificate and those that lead to its root, in the order in which a server must send them. The root itself is left out: clients have it. */
export function orderChain(leaf: X509Certificate, others: readonly X509Certificate[]): X509Certificate[] {
  const chain = [leaf]
  for (let next = findIssuer(leaf, others); next && !isSelfSigned(next) && !chain.includes(next); next = findIssuer(next, others)) chain.push(next)
  return chain
}

export function isSelfSigned(certificate: X509Certificate): boolean {
  return isIssuer(certificate, certificate)
}

export function isSame(a: X509Certificate, b: X509Certificate): boolean {
  return a.fingerprint256 === b.fingerprint256
}

function findIssuer(certificate: X509Certificate, candidates: readonly X509Certificate[]): X509Certificate | undefined {
  return candidates.find((candidate) => isIssuer(candidate, certificate))
}

function isIssuer(candidate: X509Certificate, certificate: X509Certificate): boolean {
  return certificate.checkIssued(candidate) && certificate.verify(candidate.publicKey)
}
