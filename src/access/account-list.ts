import { hash as digestOf, randomBytes } from 'node:crypto'
import { LRUCache } from 'lru-cache'
import type { Credentials, Principal } from './authenticate.ts'
import { type BcryptHash, costOf, findBcryptHash, hashOfNobody } from './bcrypt-hash.ts'
import { type HtpasswdFile, listEntries } from './htpasswd-file.ts'
import type { PasswordVerifier } from './password-workers.ts'
import { DEFAULT_COST } from './passwords.ts'

const REMEMBERED_MOST = 4096
const REMEMBERED_MS = 5 * 60_000

/**
 * The accounts of one state of a htpasswd file, with what was verified against it. When the file changes, a new list takes its place, and nothing that was
 * remembered outlives the old one.
 */
export class AccountList {
  readonly #hashes: ReadonlyMap<string, BcryptHash>
  readonly #hashOfNobody: BcryptHash
  readonly #verifier: PasswordVerifier
  readonly #key = randomBytes(32).toString('base64')
  readonly #verified: LRUCache<string, true>
  readonly #comparing = new Map<string, Promise<boolean>>()

  constructor(file: HtpasswdFile, verifier: PasswordVerifier, clock: () => number) {
    this.#hashes = readHashes(file)
    this.#hashOfNobody = hashOfNobody(Math.max(0, ...[...this.#hashes.values()].map(costOf)) || DEFAULT_COST)
    this.#verifier = verifier
    this.#verified = new LRUCache({ max: REMEMBERED_MOST, ttl: REMEMBERED_MS, ttlResolution: 0, perf: { now: clock } })
  }

  /** How many accounts can log in. */
  get size(): number {
    return this.#hashes.size
  }

  /**
   * The account of these credentials, or `undefined` when they are wrong. Whoever is unknown costs a compare too, as long as the longest of this file.
   *
   * @NOTE bcrypt looks at the first 72 bytes, here as in Apache and Distribution: a longer password that Apache stored goes on working.
   */
  async authenticate(credentials: Credentials): Promise<Principal | undefined> {
    const hash = isUsable(credentials) ? this.#hashes.get(credentials.username) : undefined
    const key = this.#keyOf(credentials)
    if (!(hash && this.#verified.has(key))) {
      const matches = await this.#compareOnce(key, credentials.password, hash ?? this.#hashOfNobody)
      if (!(hash && matches)) return undefined
      this.#verified.set(key, true)
    }
    return { kind: 'account', name: credentials.username }
  }

  /** Concurrent compares of the same credentials are one; wrong ones are not remembered. */
  #compareOnce(key: string, password: string, hash: BcryptHash): Promise<boolean> {
    const running = this.#comparing.get(key)
    if (running !== undefined) return running
    const comparing = this.#verifier.verify(password, hash).finally(() => this.#comparing.delete(key))
    this.#comparing.set(key, comparing)
    return comparing
  }

  /** @NOTE no HMAC is needed, which costs twenty times as much: what is computed stays in here, so that nobody can make it longer. */
  #keyOf({ username, password }: Credentials): string {
    return digestOf('sha256', `${this.#key}${username.length}:${username}\0${password}`, 'base64')
  }
}

/** What cannot log in, as sentences for the log. */
export function findUnusableEntries(file: HtpasswdFile): string[] {
  const entries = listEntries(file)
  const foreign = unique(entries.filter((entry) => !findBcryptHash(entry.hash)).map((entry) => entry.name))
  const seen = new Set<string>()
  const repeated = unique(entries.filter((entry) => seen.size === seen.add(entry.name).size).map((entry) => entry.name))
  return [
    ...(foreign.length ? [`not bcrypt, so no password will ever match: ${nameSome(foreign)}; set a new one with "lacre user passwd NAME"`] : []),
    ...(repeated.length ? [`more than one line, of which only the last counts: ${nameSome(repeated)}`] : []),
  ]
}

function readHashes(file: HtpasswdFile): Map<string, BcryptHash> {
  const last = new Map(listEntries(file).map((entry) => [entry.name, findBcryptHash(entry.hash)]))
  return new Map([...last].flatMap(([name, hash]) => (hash ? [[name, hash] as const] : [])))
}

/** @NOTE bcrypt repeats a password with a NUL behind it: "a" and "a\0a" have one hash. Nobody can have set such a password, so it is wrong. */
function isUsable({ username, password }: Credentials): boolean {
  return !username.includes('\0') && !password.includes('\0')
}

function unique(names: readonly string[]): string[] {
  return [...new Set(names)]
}

function nameSome(names: readonly string[]): string {
  const most = 5
  const shown = names.slice(0, most).map((name) => (name.includes('$') ? 'one whose name looks like a hash' : JSON.stringify(name))) // two columns may be swapped
  return names.length > most ? `${shown.join(', ')} and ${names.length - most} more` : shown.join(', ')
}
