/** A bcrypt hash that the registry can compare with: `$2y$10$` and 53 characters. */
export type BcryptHash = string & { readonly __brand: 'BcryptHash' }

const BCRYPT = /^\$2[aby]\$(0[4-9]|[12]\d|3[01])\$[./A-Za-z0-9]{53}$/
const NOBODY = '$2y$05$icvGFCa2Bkzqj1m1qvXxQehBN.5OhwrxTqYDbUDrYvr8V9jhJSJ1i' // "nobody", hashed once: only its shape counts

/** The bcrypt hash that `text` is, or `undefined`. */
export function findBcryptHash(text: string): BcryptHash | undefined {
  return BCRYPT.test(text) ? (text as BcryptHash) : undefined // the only cast but hashOfNobody's
}

/** How many doublings of work it takes to compare with this hash. */
export function costOf(hash: BcryptHash): number {
  return Number(hash.slice(4, 6))
}

/** A hash for names that do not exist, so that a compare with it takes as long as one of that cost. Whether it matches means nothing. */
export function hashOfNobody(cost: number): BcryptHash {
  return `$2y$${String(cost).padStart(2, '0')}${NOBODY.slice(6)}` as BcryptHash
}

/** What kind of password an entry holds, as Apache's htpasswd writes them. */
export function nameAlgorithm(hash: string): string {
  if (findBcryptHash(hash)) return 'bcrypt'
  return ALGORITHMS.find(([prefix]) => hash.startsWith(prefix))?.[1] ?? 'crypt or plain text'
}

const ALGORITHMS = [
  ['$2', 'damaged bcrypt'],
  ['$apr1$', 'MD5'],
  ['$1$', 'MD5'],
  ['{SHA}', 'SHA-1'],
  ['$5$', 'SHA-256'],
  ['$6$', 'SHA-512'],
] as const
