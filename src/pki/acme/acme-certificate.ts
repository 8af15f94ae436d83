import { certificateNames } from '../certificate-parts.ts'
import type { Problem } from '../certificate-problems.ts'
import { type CertificateName, formatCertificateName } from '../names.ts'
import { repeat, type Sleep, sleep } from '../repeat.ts'
import { AcmeClient } from './acme-client.ts'
import { AcmeError } from './acme-error.ts'
import { AcmeFiles, type HeldCertificate } from './acme-files.ts'
import type { Binding } from './binding.ts'
import { ChallengeAnswers, type ChallengeType } from './challenge-answers.ts'
import { type OrderOptions, orderCertificate } from './order.ts'
import { findRenewalId, findRenewalInfo } from './renewal-info.ts'
import { afterFailure, emptySchedule, followServer, type Lifetime, mayOrderAt, planRenewal, type Renewal, type Schedule } from './schedule.ts'
import { openTransport, type Transport } from './transport.ts'

export interface AcmeSettings {
  readonly directoryUrl: string
  /** All in one certificate. */
  readonly names: readonly CertificateName[]
  readonly challenge: ChallengeType
  readonly email?: string | undefined
  /** External account binding, for servers that want one. */
  readonly binding?: Binding | undefined
  /** PEM of the authorities that the server's own certificate may be of, besides those of the system. */
  readonly authorities?: string | undefined
  /** A file in which another program has kept a certificate and its key: served until there is one of ours. */
  readonly former?: string | undefined
  /** Holds this account's files, and nothing else. */
  readonly folder: string
}

/** What happens, for log and metrics. */
export interface AcmeReport {
  /** Called after the new certificate is on the disk. */
  issued(certificate: { readonly notAfter: Date; readonly renewAt: Date }): void | Promise<void>
  failed(error: Error, next: { readonly retryAt: Date }): void
}

/** The world around, which tests replace. */
export interface AcmeWorld {
  readonly now: () => number
  /** At least 0 and below 1. */
  readonly random: () => number
  readonly sleep: Sleep
  readonly transport?: Transport
}

const realWorld: AcmeWorld = { now: Date.now, random: Math.random, sleep }

const HOUR_MS = 60 * 60 * 1000
const LOOK_LEAST_MS = 1_000
const LOOK_MOST_MS = 12 * HOUR_MS // a clock may be set meanwhile
const ASK_AFTER_FAILURE_MS = 6 * HOUR_MS // RFC 9773, 4.3.3

/** A certificate of an ACME server, and its renewals. Until there is one, and while a new one cannot be had, the one there is stays in place. */
export class AcmeCertificate {
  readonly answers = new ChallengeAnswers()
  readonly #settings: AcmeSettings
  readonly #report: AcmeReport
  readonly #world: AcmeWorld
  readonly #files: AcmeFiles
  readonly #stop = new AbortController()
  #held: HeldCertificate | undefined
  #schedule: Schedule = emptySchedule
  #running: Promise<void> | undefined

  constructor(settings: AcmeSettings, report: AcmeReport, world: AcmeWorld = realWorld) {
    this.#settings = settings
    this.#report = report
    this.#world = world
    this.#files = new AcmeFiles(settings.folder)
  }

  /**
   * Sees to it that there is a certificate to serve, if only one signed by itself. Asks nobody.
   *
   * @throws CertificateError if the files cannot be read or made.
   */
  async open(): Promise<this> {
    await this.#files.open()
    await this.#files.accountKey()
    const [found, now] = [await this.#files.findCertificate(), this.#world.now()]
    const { former, names } = this.#settings
    const adopted = found?.isStandIn !== false && former !== undefined ? await this.#files.adopt(former, now) : undefined
    this.#held = adopted ?? (found?.isStandIn === false ? found : await this.#files.makeStandIn(names, now))
    this.#schedule = await this.#files.readSchedule()
    return this
  }

  /** PEM file of the key and the chain. */
  get path(): string {
    return this.#files.certificatePath
  }

  get isStandIn(): boolean {
    return this.#current.isStandIn
  }

  /** What health should say. */
  problems(): Problem[] {
    const { lastFailure, retryAt } = this.#schedule
    const hosts = this.#settings.names.map(({ value }) => value).join(', ')
    const served = this.isStandIn
      ? 'clients are shown a certificate that nobody signed'
      : `the one that is served ends on ${this.#current.leaf.validToDate.toISOString()}`
    if (lastFailure) {
      const sentence = `no certificate could be had for ${hosts}: ${lastFailure.message}; ${served}; next try ${new Date(retryAt).toISOString()}`
      const shortcut = lastFailure.isRateLimit ? '' : `; once that is mended, remove ${this.#files.schedulePath} and start again to try at once`
      return [{ id: 'acme-failed', sentence, remedy: lastFailure.hint + shortcut }]
    }
    return this.isStandIn ? [{ id: 'acme-pending', sentence: `the certificate for ${hosts} is not issued yet: ${served}`, remedy: 'wait a moment' }] : []
  }

  /** Begins to look after the certificate. */
  start(): void {
    this.#running ??= repeat(() => this.step(), this.#world.sleep, this.#stop.signal)
  }

  /** Does what is due: orders a certificate, or asks when to renew it. Gives the milliseconds until the next look. Never rejects. */
  async step(): Promise<number> {
    const now = this.#world.now()
    if (this.#isWanted(now)) {
      if (now >= this.#mayOrderAt(now)) await this.#order()
    } else if (now >= this.#renewal().askAgainAt) await this.#askServer()
    return Math.min(Math.max(this.#nextAt() - this.#world.now(), LOOK_LEAST_MS), LOOK_MOST_MS)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort()
    await this.#running
  }

  get #current(): HeldCertificate {
    if (!this.#held) throw new Error('an ACME certificate is used before it is open')
    return this.#held
  }

  #isWanted(now: number): boolean {
    const { leaf, isStandIn } = this.#current
    const held = new Set(certificateNames(leaf))
    return isStandIn || !this.#settings.names.every((name) => held.has(formatCertificateName(name))) || now >= this.#renewal().at
  }

  #nextAt(): number {
    const now = this.#world.now()
    if (this.#isWanted(now)) return this.#mayOrderAt(now)
    const { at, askAgainAt } = this.#renewal()
    return Math.min(at, askAgainAt)
  }

  #mayOrderAt(now: number): number {
    return mayOrderAt(this.#schedule, this.#wish, now)
  }

  /** The plan of the certificate that is held; made when there is none. */
  #renewal(): Renewal {
    const life = this.#life()
    if (this.#schedule.renewal?.fingerprint !== life.fingerprint) this.#schedule = { ...this.#schedule, renewal: planRenewal(life, this.#world.random()) }
    return this.#schedule.renewal ?? planRenewal(life, 0)
  }

  #life(): Lifetime {
    const { fingerprint256, validFromDate, validToDate } = this.#current.leaf
    return { fingerprint: fingerprint256, from: validFromDate.getTime(), until: validToDate.getTime() }
  }

  get #wish(): string {
    const { names, challenge, binding } = this.#settings
    return [challenge, binding?.kid ?? '', ...names.map(formatCertificateName)].join(' ')
  }

  async #order(): Promise<void> {
    try {
      const { client, options } = await this.#openClient()
      await client.register({ email: this.#settings.email, binding: this.#settings.binding })
      const { names, challenge } = this.#settings
      const issued = await orderCertificate(options, { names, challenge, replaces: await this.#findReplaced(client) })
      await this.#files.writeCertificate(issued.chain, issued.key)
      this.#held = { leaf: issued.leaf, isStandIn: false }
      this.#schedule = emptySchedule
      const { at } = this.#renewal()
      await this.#keep()
      await this.#report.issued({ notAfter: issued.leaf.validToDate, renewAt: new Date(at) })
    } catch (error) {
      if (!this.#stop.signal.aborted) await this.#fail(error as Error)
    }
  }

  async #fail(error: Error & { hint?: unknown }): Promise<void> {
    const { message } = error
    const hint = typeof error.hint === 'string' ? error.hint : 'look at the log; the next try comes by itself'
    const isRateLimit = error instanceof AcmeError && (error.type === 'rateLimited' || error.retryAfterMs !== undefined)
    const failure = { message, hint, tried: this.#wish, isRateLimit, retryAfterMs: error instanceof AcmeError ? error.retryAfterMs : undefined }
    this.#schedule = afterFailure(this.#schedule, failure, { now: this.#world.now(), random: this.#world.random() })
    await this.#keep().catch(() => undefined) // the disk is full, say: what is remembered is enough until the end of this process
    this.#report.failed(error, { retryAt: new Date(this.#schedule.retryAt) })
  }

  /** @NOTE a server that cannot tell is no failure: the plan stays, and the certificate is renewed in time anyway */
  async #askServer(): Promise<void> {
    const [now, renewal] = [this.#world.now(), this.#renewal()]
    try {
      const { client } = await this.#openClient()
      const info = await findRenewalInfo(client, this.#current.leaf, now)
      const later = { ...renewal, askAgainAt: now + LOOK_MOST_MS }
      this.#schedule = { ...this.#schedule, renewal: info ? followServer(renewal, info, this.#life(), { now, random: this.#world.random() }) : later }
    } catch {
      this.#schedule = { ...this.#schedule, renewal: { ...renewal, askAgainAt: now + ASK_AFTER_FAILURE_MS } }
    }
    await this.#keep().catch(() => undefined)
  }

  async #findReplaced(client: AcmeClient): Promise<string | undefined> {
    const { renewalInfo } = await client.directory()
    return renewalInfo === undefined || this.isStandIn ? undefined : findRenewalId(this.#current.leaf)
  }

  #keep(): Promise<void> {
    return this.#files.writeSchedule(this.#schedule)
  }

  async #openClient(): Promise<{ client: AcmeClient; options: OrderOptions }> {
    const { directoryUrl, authorities } = this.#settings
    const { now, sleep, transport = openTransport(authorities) } = this.#world
    const client = new AcmeClient({ transport, directoryUrl, key: await this.#files.accountKey(), signal: this.#stop.signal, now })
    return { client, options: { client, answers: this.answers, now, sleep } }
  }
}
