import { hash as digestOf, randomBytes } from 'node:crypto'
import { LRUCache } from 'lru-cache'
import type { Credentials, Principal } from './authenticate.ts'
import { type BcryptHash, costOf, findBcryptHash, hashOfNobody } from './bcrypt-hash.ts'
import type { Guess, Guesses } from './guesses.ts'
import { type HtpasswdFile, listEntries } from './htpasswd-file.ts'
import type { PasswordVerifier } from './password-workers.ts'
import { DEFAULT_COST } from './passwords.ts'

/** What the lists of one file have in common, whichever takes the other's place. */
interface AccountListParts {
  readonly verifier: PasswordVerifier
  readonly guesses: Guesses
  /** Milliseconds, as `Date.now`. */
  readonly clock: () => number
}

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
  readonly #guesses: Guesses
  /** What was compared, and whether it was right. @NOTE in two, so that wrong passwords push out no right ones. */
  readonly #verified: LRUCache<string, true>
  readonly #refused: LRUCache<string, true>
  readonly #guessing = new Map<string, Promise<boolean>>()

  constructor(file: HtpasswdFile, { verifier, guesses, clock }: AccountListParts) {
    this.#hashes = readHashes(file)
    this.#hashOfNobody = hashOfNobody(Math.max(0, ...[...this.#hashes.values()].map(costOf)) || DEFAULT_COST)
    this.#verifier = verifier
    this.#guesses = guesses
    this.#verified = new LRUCache({ max: REMEMBERED_MOST, ttl: REMEMBERED_MS, ttlResolution: 0, perf: { now: clock } })
    this.#refused = new LRUCache({ max: REMEMBERED_MOST, ttl: REMEMBERED_MS, ttlResolution: 0, perf: { now: clock } })
  }

  /** How many accounts can log in. */
  get size(): number {
    return this.#hashes.size
  }

  /**
   * The account of these credentials, or `undefined` when they are wrong. Whoever is unknown costs a compare too, as long as the longest of this file. The same
   * wrong password again is no guess: it is compared and counted once.
   *
   * @throws OciError `TOOMANYREQUESTS`, see {@link Guesses.attempt} and {@link PasswordVerifier.verify}.
   * @NOTE bcrypt looks at the first 72 bytes, here as in Apache and Distribution: a longer password that Apache stored goes on working.
   */
  async authenticate(credentials: Credentials, source = ''): Promise<Principal | undefined> {
    const { username } = credentials
    const key = this.#keyOf(credentials)
    if (this.#refused.has(key)) return undefined
    const guess = { source, username }
    const isRight = (this.#verified.has(key) && this.#guesses.isAtHome(guess)) || (await this.#guessOnce(guess, credentials, key))
    return isRight ? { kind: 'account', name: username } : undefined
  }

  /** Concurrent guesses of the same credentials from the same source are one. */
  #guessOnce(guess: Guess, credentials: Credentials, key: string): Promise<boolean> {
    const id = `${key} ${guess.source}`
    const running = this.#guessing.get(id)
    if (running !== undefined) return running
    const guessing = this.#guesses.attempt(guess, (isKnown) => this.#judge(credentials, key, isKnown)).finally(() => this.#guessing.delete(id))
    this.#guessing.set(id, guessing)
    return guessing
  }

  async #judge(credentials: Credentials, key: string, isUrgent: boolean): Promise<boolean> {
    if (this.#verified.has(key)) return true
    const hash = isUsable(credentials) ? this.#hashes.get(credentials.username) : undefined
    const matches = await this.#verifier.verify(credentials.password, hash ?? this.#hashOfNobody, { isUrgent })
    const isRight = hash !== undefined && matches
    const remembered = isRight ? this.#verified : this.#refused
    remembered.set(key, true)
    return isRight
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
