import { hash as digestOf } from 'node:crypto'
import { LRUCache } from 'lru-cache'
import { OciError } from '../oci/error.ts'

/** Who tries a password: the address it comes from (empty: nobody can tell), and the name, whether there is such an account or not. */
export interface Guess {
  readonly source: string
  readonly username: string
}

/** What is counted together: an address, a name from anywhere, or a name from an address it has logged in from. */
type Counted = 'source' | 'account' | 'known'

/** Somebody has to wait from here on. */
interface Hold {
  readonly counted: Counted
  /** Where the last wrong password came from. */
  readonly source: string
  readonly failures: number
  readonly waitMs: number
  /** False when a hold of this address was told less than a minute ago. */
  readonly isNews: boolean
}

export interface GuessesOptions {
  /** How many wrong passwords an address or an account has before there is a wait; `Infinity` for no end. */
  readonly attempts: number
  /** The longest wait, in milliseconds. */
  readonly lockMs: number
  /** Milliseconds that nobody can set back. */
  readonly clock?: () => number
  readonly onHold?: (hold: Hold) => void
}

interface Tally {
  readonly counted: Counted
  readonly limit: number
  failures: number
  failedAt: number
  heldUntil: number
  /** Guesses that are being compared, and those that wait for them. */
  pending: number
  waiting: number
}

const COUNTED_MOST = 10_000 // of each kind; whoever is seen least goes first
const WAITING_MOST = 128
const FIRST_WAIT_MS = 1000
const KNOWN_FACTOR = 5 // how much more a user has whom we know from this address
const LOCKS_UNTIL_FORGOTTEN = 4
const NEWS_MS = 60_000

/**
 * Counts wrong passwords by address and by account. Who has none left waits: a second after the next, then twice as long each time. A user who has logged in
 * from an address keeps a count of their own there, which the guesses of others, at this address or another, do not touch.
 */
export class Guesses {
  readonly #options: Required<GuessesOptions>
  readonly #sources = new LRUCache<string, Tally>({ max: COUNTED_MOST })
  readonly #accounts = new LRUCache<string, Tally>({ max: COUNTED_MOST })
  readonly #known = new LRUCache<string, Tally>({ max: COUNTED_MOST })
  readonly #told: LRUCache<string, true>
  #settled = Promise.withResolvers<void>()

  constructor({ clock = () => performance.now(), onHold = () => undefined, ...settings }: GuessesOptions) {
    this.#options = { clock, onHold, ...settings }
    this.#told = new LRUCache({ max: COUNTED_MOST, ttl: NEWS_MS, ttlResolution: 0, perf: { now: clock } })
  }

  /** Whether a password that is remembered may be believed at once: this account has logged in from there, and nobody guesses it there. */
  isAtHome({ source, username }: Guess): boolean {
    const tally = this.#known.get(knownKey(source, username))
    return tally !== undefined && this.#hasRoom(tally) && this.#waitOf(tally) === 0
  }

  /**
   * Counts one guess and returns what `judge` finds, which is asked at most as often at a time as wrong passwords are left. `isKnown` tells whether the account
   * has logged in from there.
   *
   * @throws OciError `TOOMANYREQUESTS` with `Retry-After` when there is a wait; `judge` is not asked then.
   */
  async attempt(guess: Guess, judge: (isKnown: boolean) => Promise<boolean>): Promise<boolean> {
    const tallies = this.#talliesOf(guess)
    while (!this.#enter(tallies)) await this.#waitIn(tallies)
    let isWrong = false
    try {
      const isRight = await judge(tallies.some(({ counted }) => counted === 'known'))
      isWrong = !isRight
      if (isRight) this.#know(guess)
      return isRight
    } finally {
      for (const tally of tallies) this.#leave(tally, isWrong, guess.source)
      this.#settled.resolve()
      this.#settled = Promise.withResolvers()
    }
  }

  /** @NOTE nothing may await between the look and the count, or guesses sent at once would all pass. */
  #enter(tallies: readonly Tally[]): boolean {
    const waitMs = Math.max(0, ...tallies.map((tally) => this.#waitOf(tally)))
    if (waitMs > 0) throw tooMany(waitMs)
    if (!tallies.every((tally) => this.#hasRoom(tally))) return false
    for (const tally of tallies) tally.pending += 1
    return true
  }

  async #waitIn(tallies: readonly Tally[]): Promise<void> {
    if (tallies.some(({ waiting }) => waiting >= WAITING_MOST)) throw tooMany(FIRST_WAIT_MS)
    for (const tally of tallies) tally.waiting += 1
    await this.#settled.promise
    for (const tally of tallies) tally.waiting -= 1
  }

  #leave(tally: Tally, isWrong: boolean, source: string): void {
    tally.pending -= 1
    if (!isWrong) return
    tally.failures += 1
    tally.failedAt = this.#options.clock()
    const beyond = tally.failures - tally.limit
    if (beyond < 0) return
    const waitMs = Math.min(FIRST_WAIT_MS * 2 ** beyond, this.#options.lockMs)
    tally.heldUntil = tally.failedAt + waitMs
    this.#options.onHold({ counted: tally.counted, source, failures: tally.failures, waitMs, isNews: !this.#told.has(source) })
    if (!this.#told.has(source)) this.#told.set(source, true)
  }

  #waitOf(tally: Tally): number {
    return Math.max(0, tally.heldUntil - this.#options.clock())
  }

  #hasRoom(tally: Tally): boolean {
    const isForgotten = tally.failures > 0 && this.#options.clock() - tally.failedAt >= this.#options.lockMs * LOCKS_UNTIL_FORGOTTEN
    if (isForgotten) tally.failures = 0
    return tally.pending < Math.max(1, tally.limit - tally.failures)
  }

  #talliesOf({ source, username }: Guess): readonly Tally[] {
    const known = this.#known.get(knownKey(source, username))
    if (known) return [known]
    const account = this.#tallyIn(this.#accounts, shortKey(username), 'account')
    return source ? [this.#tallyIn(this.#sources, source, 'source'), account] : [account]
  }

  #tallyIn(tallies: LRUCache<string, Tally>, key: string, counted: Counted): Tally {
    const found = tallies.get(key)
    if (found) return found
    const tally = newTally(counted, this.#options.attempts)
    tallies.set(key, tally)
    return tally
  }

  #know({ source, username }: Guess): void {
    const key = knownKey(source, username)
    if (!this.#known.has(key)) this.#known.set(key, newTally('known', this.#options.attempts * KNOWN_FACTOR))
  }
}

function newTally(counted: Counted, limit: number): Tally {
  return { counted, limit, failures: 0, failedAt: 0, heldUntil: 0, pending: 0, waiting: 0 }
}

function knownKey(source: string, username: string): string {
  return `${source} ${shortKey(username)}`
}

const NAME_MOST = 64 // characters that are kept as they are

/** A key that takes little memory, whatever was sent for a name. */
function shortKey(username: string): string {
  return username.length > NAME_MOST ? `sha256:${digestOf('sha256', username, 'base64')}` : username
}

function tooMany(waitMs: number): OciError {
  const seconds = Math.ceil(waitMs / 1000)
  const hint = `after wrong passwords no more are compared for a while: try again in ${seconds} ${seconds === 1 ? 'second' : 'seconds'}`
  return new OciError(
    'TOOMANYREQUESTS',
    { hint },
    { message: `too many wrong passwords: try again in ${seconds} s`, headers: { 'Retry-After': String(seconds) } },
  )
}
