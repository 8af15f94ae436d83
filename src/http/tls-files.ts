import type { Server, TLSSocket } from 'node:tls'
import { findExpiryProblem, type Problem } from '../pki/certificate-problems.ts'
import { endChallenges } from './challenge-handshake.ts'
import { ClientGate, type TurnedAway } from './client-gate.ts'
import { describeFile } from './file-state.ts'
import type { OwnList } from './revocations.ts'
import { enforceClientAuth, loadTls, type TlsMaterial, type TlsSettings } from './tls.ts'

export interface TlsFilesOptions {
  readonly now?: () => number
  /** Milliseconds between two looks at the files. */
  readonly pollMs?: number
  /** Told once of each distinct problem; of an expiry that comes near, once for each day left. */
  readonly onProblem?: (problem: Problem) => void
  /** Told of what is served from now on, after the files have changed. */
  readonly onChange?: (material: TlsMaterial) => void
  /** The revocation lists of CAs of lacre's own; each is used once it is there, if its CA is among the client CAs. */
  readonly ownLists?: readonly OwnList[]
  /** Told of each connection whose client certificate is refused at a request. */
  readonly onTurnedAway?: (client: TurnedAway) => void
}

const POLL_MS = 5_000

/**
 * The files of a TLS server, watched: new connections get the newest certificate and client CAs that could be read; open connections stay.
 * Files are looked at by path and followed through links, so that renames and Kubernetes' exchanged folders are seen.
 */
export class TlsFiles {
  readonly #settings: TlsSettings
  readonly #options: TlsFilesOptions
  readonly #servers = new Set<Server>()
  readonly #gate: ClientGate
  readonly #reported = new Set<string>()
  #material: TlsMaterial | undefined
  #state = ''
  #refusal: { key: string; problem: Problem; isReported: boolean } | undefined
  #timer: NodeJS.Timeout | undefined
  #looking: Promise<void> | undefined

  constructor(settings: TlsSettings, options: TlsFilesOptions = {}) {
    this.#settings = settings
    this.#options = options
    const { ownLists, onTurnedAway } = options
    this.#gate = new ClientGate({ crls: settings.crls ?? [], ownLists, now: this.#now, onTurnedAway })
  }

  /**
   * Reads the files for the first time and begins to watch them. What is wrong with them is in `current().problems`, not told to `onProblem`.
   *
   * @throws CertificateError if a server cannot start with them.
   */
  async open(): Promise<this> {
    this.#state = await this.#describeFiles()
    this.#material = await loadTls(this.#settings, this.#now)
    await this.#gate.open(this.#material)
    for (const problem of this.#material.problems) this.#reported.add(this.#keyOf(problem))
    this.#timer = setInterval(() => void this.look(), this.#options.pollMs ?? POLL_MS)
    this.#timer.unref()
    return this
  }

  current(): TlsMaterial {
    if (!this.#material) throw new Error('TLS files are used before they are open')
    return this.#material
  }

  get asksForCertificates(): boolean {
    return this.current().clientAuth !== 'no-client-cert'
  }

  /** What health should say: new files that are not used, and an end that is near. */
  problems(): Problem[] {
    const refused = this.#refusal?.isReported ? this.#refusal.problem : undefined
    return [refused, this.#findExpiry(), ...this.#gate.problems()].filter((problem) => problem !== undefined)
  }

  /** Keeps a server up to date that was made with `current().options`, and enforces its client certificates. */
  attach(server: Server): void {
    enforceClientAuth(server, this.current())
    server.prependListener('secureConnection', (socket) => this.#gate.greet(socket, this.current()))
    if (this.#settings.challenges) endChallenges(server)
    server.setSecureContext(this.current().options) // the files may have changed since the server was made
    this.#servers.add(server)
    server.once('close', () => this.#servers.delete(server))
  }

  /**
   * Whether who is at the other end of a connection may ask, as things stand now.
   *
   * @throws OciError that says what is wrong with the client certificate.
   */
  admit(socket: TLSSocket): Promise<void> {
    return this.#gate.admit(socket, this.current())
  }

  /** Looks at the files now; looks that overlap are one. Never throws. */
  look(): Promise<void> {
    this.#looking ??= this.#look().finally(() => {
      this.#looking = undefined
    })
    return this.#looking
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#timer)
    this.#servers.clear()
    await this.#looking
  }

  async #look(): Promise<void> {
    const state = await this.#describeFiles()
    if (state === this.#state) this.#refusal = undefined
    else await this.#tryLoad(state)
    await this.#gate.look()
    for (const problem of [this.#findExpiry(), ...this.#gate.problems()]) if (problem) this.#report(problem)
  }

  async #tryLoad(state: string): Promise<void> {
    try {
      const material = await loadTls(this.#settings, this.#now)
      if ((await this.#describeFiles()) !== state) return // changed while being read: the next look sees it whole
      await this.#apply(material, state)
    } catch (error) {
      this.#refuse(state, error instanceof Error ? error : new Error(String(error)))
    }
  }

  async #apply(material: TlsMaterial, state: string): Promise<void> {
    for (const server of this.#servers) server.setSecureContext(material.options)
    this.#material = material
    this.#state = state
    this.#refusal = undefined
    await this.#gate.change(material)
    this.#options.onChange?.(material)
    for (const problem of material.problems) this.#report(problem)
  }

  /** @NOTE Certificate and key are two files, and there is a moment between their writing: only what is still wrong at a second look is told. */
  #refuse(state: string, error: Error & { hint?: unknown }): void {
    const key = `${state} ${error.message}`
    if (this.#refusal?.key === key) {
      if (!this.#refusal.isReported) this.#options.onProblem?.(this.#refusal.problem)
      this.#refusal.isReported = true
      return
    }
    const until = this.current().leaf.validToDate.toISOString()
    const sentence = `the changed TLS files are not used: ${error.message}; the certificate served stays the one that is valid until ${until}`
    const remedy = typeof error.hint === 'string' ? error.hint : 'put files that belong together in place; they are picked up without a restart'
    this.#refusal = { key, problem: { id: 'tls-files-refused', sentence, remedy }, isReported: false }
  }

  #findExpiry(): Problem | undefined {
    return findExpiryProblem(this.current().leaf, this.#settings.certificate, this.#now())
  }

  #report(problem: Problem): void {
    const key = this.#keyOf(problem)
    if (this.#reported.has(key)) return
    this.#reported.add(key)
    this.#options.onProblem?.(problem)
  }

  #keyOf(problem: Problem): string {
    return `${this.current().leaf.fingerprint256} ${problem.sentence}`
  }

  /** Changes whenever one of the files does, or cannot be seen any more. */
  async #describeFiles(): Promise<string> {
    const paths = [this.#settings.certificate, this.#settings.key, ...(this.#settings.clientcas ?? [])]
    return (await Promise.all(paths.map(describeFile))).join(' ')
  }

  readonly #now = (): number => (this.#options.now ?? Date.now)()
}
