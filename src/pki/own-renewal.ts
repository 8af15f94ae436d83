import type { X509Certificate } from 'node:crypto'
import { type AuthorityOptions, openAuthority } from './authority.ts'
import { serverPaths } from './authority-files.ts'
import type { Problem } from './certificate-problems.ts'
import type { AskPassphrase } from './key-file.ts'
import { DAY_MS } from './leaf-certificate.ts'
import type { Ledger } from './ledger.ts'
import { findOwnCertificates, listDueAt, type OwnCertificates, serverDueAt } from './own-certificates.ts'
import { repeat, type Sleep, sleep } from './repeat.ts'
import { renewServerCertificate } from './self-made.ts'

export interface OwnRenewalOptions {
  /** The folder of the authority. */
  readonly directory: string
  /** Opened for each piece of work, and closed after it. */
  readonly openLedger: () => Ledger
  /** Whether this server may use the CA key. */
  readonly isOnline: boolean
  /** Whether the certificate beside the CA is the one that is served; else it is left alone. */
  readonly isServed: boolean
  /** Tells the passphrase of an encrypted CA key; without it such a key is of no use here. */
  readonly askPassphrase?: AskPassphrase | undefined
}

/** What a renewal is of. */
export type Renewed = 'certificate' | 'revocation list'

/** What happens, for log and metrics. */
export interface OwnRenewalReport {
  renewed(what: Renewed, notAfter: Date): void | Promise<void>
  failed(what: Renewed, error: Error, retryAt: Date): void
  /** Told once of what will end because nobody renews it. */
  noticed(problem: Problem): void
  /** Told after each look. */
  seen(certificates: OwnCertificates): void
}

/** The world around, which tests replace. */
export interface RenewalWorld {
  readonly now: () => number
  readonly sleep: Sleep
}

export interface RenewalStatus {
  /** Whether this server can sign what it needs. */
  readonly canRenew: boolean
  readonly nextRenewal?: string
  readonly lastFailure?: FailureStatus
}

interface FailureStatus {
  readonly what: Renewed
  readonly at: string
  readonly message: string
  readonly hint?: string
  readonly retryAt: string
}

const realWorld: RenewalWorld = { now: Date.now, sleep }

const MINUTE_MS = 60_000
const HOUR_MS = 60 * MINUTE_MS
const LOOK_MOST_MS = HOUR_MS // a clock may be set, and a command may have worked here
const RETRY_MS = [5 * MINUTE_MS, HOUR_MS]
const LAST_RETRY_MS = 6 * HOUR_MS
const NOTICE_MS = 30 * DAY_MS
const LIST_NOTICE_MS = 7 * DAY_MS
const AUTHORITY_NOTICE_MS = 180 * DAY_MS // twice the life of what it signs

interface Failure {
  readonly what: Renewed
  readonly error: Error & { hint?: string }
  readonly at: number
  readonly retryAt: number
  /** In a row. */
  readonly count: number
}

/** What is renewed, from when on, and how. */
const tasks: readonly {
  readonly what: Renewed
  readonly dueAt: (seen: OwnCertificates) => number | undefined
  readonly renew: (authority: AuthorityOptions) => Promise<Date>
}[] = [
  { what: 'certificate', dueAt: serverDueAt, renew: async (authority) => (await renewServerCertificate(authority)).validToDate },
  { what: 'revocation list', dueAt: listDueAt, renew: async (authority) => (await (await openAuthority(authority)).renewCrl()).nextUpdate },
]

/** Renews the certificate of a server from the CA beside it, and that CA's revocation list, for as long as the server runs. */
export class OwnRenewal {
  readonly #options: OwnRenewalOptions
  readonly #report: OwnRenewalReport
  readonly #world: RenewalWorld
  readonly #stop = new AbortController()
  readonly #failures = new Map<Renewed | 'look', Failure>()
  readonly #told = new Set<string>()
  #seen: OwnCertificates | undefined
  #running: Promise<void> | undefined

  constructor(options: OwnRenewalOptions, report: OwnRenewalReport, world: RenewalWorld = realWorld) {
    this.#options = options
    this.#report = report
    this.#world = world
  }

  start(): void {
    this.#running ??= repeat(() => this.step(), this.#world.sleep, this.#stop.signal)
  }

  /** Does what is due. Gives the milliseconds until the next look. Never rejects. */
  async step(): Promise<number> {
    await this.#look()
    for (const task of tasks) if (this.#world.now() >= this.#dueAt(task)) await this.#renew(task)
    this.#tell()
    const nextAt = Math.min(...tasks.map((task) => this.#dueAt(task)))
    return Math.min(Math.max(nextAt - this.#world.now(), MINUTE_MS), LOOK_MOST_MS)
  }

  status(): RenewalStatus {
    const [dueAt = Number.POSITIVE_INFINITY] = tasks.map((task) => this.#dueAt(task))
    const [failure] = this.#failures.values()
    return {
      canRenew: this.#canRenew(),
      ...(Number.isFinite(dueAt) && { nextRenewal: toText(Math.max(dueAt, this.#world.now())) }),
      ...(failure && { lastFailure: describe(failure) }),
    }
  }

  /** What health should say: long before a client is turned away. */
  problems(): Problem[] {
    const failures = [...this.#failures.values()].map((failure) => failed(failure, this.#seen))
    return [...failures, ...this.#foreseen()]
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort()
    await this.#running
  }

  /** Reads what there is, since commands work in the same folder. */
  async #look(): Promise<void> {
    try {
      const found = await findOwnCertificates(this.#options.directory)
      this.#seen = found && !this.#options.isServed ? { ...found, server: undefined } : found
      this.#failures.delete('look')
      if (this.#seen) this.#report.seen(this.#seen)
    } catch (error) {
      this.#failLook(error as Error)
    }
  }

  async #renew({ what, renew }: (typeof tasks)[number]): Promise<void> {
    try {
      const notAfter = await this.#withLedger((ledger) => renew({ ...this.#authority(), ledger }))
      this.#failures.delete(what)
      await this.#look()
      await this.#report.renewed(what, notAfter)
    } catch (error) {
      this.#fail(what, error as Error)
    }
  }

  #authority() {
    const { directory, askPassphrase } = this.#options
    return { directory, now: this.#world.now, ...(askPassphrase && { askPassphrase }) }
  }

  async #withLedger<T>(work: (ledger: Ledger) => Promise<T>): Promise<T> {
    const ledger = this.#options.openLedger()
    try {
      return await work(ledger)
    } finally {
      ledger.close()
    }
  }

  /** What cannot be read is looked at again as soon as all the rest. */
  #failLook(error: Error): void {
    const at = this.#world.now()
    const failure: Failure = { what: 'certificate', error, at, retryAt: at + LOOK_MOST_MS, count: 1 }
    this.#failures.set('look', failure)
    this.#report.failed(failure.what, error, new Date(failure.retryAt))
  }

  #fail(what: Renewed, error: Error): void {
    const at = this.#world.now()
    const count = (this.#failures.get(what)?.count ?? 0) + 1
    const retryAt = at + (RETRY_MS[count - 1] ?? LAST_RETRY_MS)
    this.#failures.set(what, { what, error, at, retryAt, count })
    this.#report.failed(what, error, new Date(retryAt))
  }

  #tell(): void {
    for (const problem of this.#foreseen()) {
      if (!this.#told.has(problem.sentence)) this.#report.noticed(problem)
      this.#told.add(problem.sentence)
    }
  }

  /** When to do it; never where nobody here can. */
  #dueAt({ what, dueAt }: (typeof tasks)[number]): number {
    const at = this.#seen && this.#canRenew() ? dueAt(this.#seen) : undefined
    return at === undefined ? Number.POSITIVE_INFINITY : Math.max(at, this.#failures.get(what)?.retryAt ?? 0)
  }

  #canRenew(): boolean {
    const { isOnline, askPassphrase } = this.#options
    const key = this.#seen?.key
    return isOnline && (key === 'online' || (key === 'encrypted' && askPassphrase !== undefined))
  }

  #foreseen(): Problem[] {
    if (!this.#seen) return []
    const now = this.#world.now()
    const { authority, server, list, key } = this.#seen
    const because = this.#options.isOnline ? KEY_REASONS[key] : 'lacre.pki.online is false'
    const ends = [
      this.#options.isServed && !server && serverGone(serverPaths(this.#options.directory).certificate),
      endsWithin(authority.validToDate, AUTHORITY_NOTICE_MS, now) && authorityEnds(authority),
      !this.#canRenew() && endsWithin(server?.validToDate, NOTICE_MS, now) && serverEnds(server?.validToDate, because),
      !this.#canRenew() && endsWithin(list?.nextUpdate, LIST_NOTICE_MS, now) && listEnds(list?.nextUpdate, because),
    ]
    return ends.filter((problem) => problem !== false)
  }
}

const KEY_REASONS = {
  online: 'the CA key cannot be used',
  encrypted: 'the CA key is encrypted, and nothing tells its passphrase (lacre.pki.passphrasefile, LACRE_PKI_PASSPHRASE)',
  damaged: 'the CA key is damaged: restore it from a backup',
  offline: 'the CA key is not here',
}

function endsWithin(end: Date | undefined, noticeMs: number, now: number): boolean {
  return end !== undefined && end.getTime() - now <= noticeMs
}

function failed({ what, error, retryAt }: Failure, seen: OwnCertificates | undefined): Problem {
  const until = seen?.server && what === 'certificate' ? `; the one that is served ends on ${seen.server.validToDate.toISOString()}` : ''
  const sentence = `the ${what} could not be renewed: ${error.message}${until}; next try ${toText(retryAt)}`
  return { id: 'renewal-failed', sentence, remedy: error.hint ?? 'the log says more' }
}

function authorityEnds({ validToDate }: X509Certificate): Problem {
  return {
    id: 'ca-ends',
    sentence: `the CA ends on ${validToDate.toISOString()}, and all that it has signed ends with it`,
    remedy: 'renew it with the same key: lacre ca renew; then give the new CA certificate to all clients',
  }
}

function serverEnds(at: Date | undefined, because: string): Problem {
  return {
    id: 'cannot-renew',
    sentence: `the server's certificate ends on ${at?.toISOString()}, and this server cannot renew it: ${because}`,
    remedy: 'renew it where the CA key is (lacre cert renew), and put the new server.crt in place; it is picked up without a restart',
  }
}

function serverGone(path: string): Problem {
  return {
    id: 'certificate-gone',
    sentence: `the server's certificate is gone: there is no ${path}, and this server goes on with the one that it has read`,
    remedy: 'put it back; or start this server again with "lacre up", which makes another',
  }
}

function listEnds(at: Date | undefined, because: string): Problem {
  return {
    id: 'cannot-renew-crl',
    sentence: `the revocation list ends on ${at?.toISOString()}, and this server cannot make another: ${because}`,
    remedy: 'make it where the CA key is (lacre ca crl), and put crl.pem and crl.der in place',
  }
}

function describe({ what, error, at, retryAt }: Failure): FailureStatus {
  return { what, at: toText(at), message: error.message, ...(error.hint !== undefined && { hint: error.hint }), retryAt: toText(retryAt) }
}

function toText(ms: number): string {
  return new Date(ms).toISOString()
}
