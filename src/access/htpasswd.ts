import { createHash } from 'node:crypto'
import { open, stat } from 'node:fs/promises'
import { AccessError } from './access-error.ts'
import { AccountList, findUnusableEntries } from './account-list.ts'
import { parseAccountName } from './account-name.ts'
import { addAccount } from './accounts.ts'
import type { Authenticator, Credentials, Principal } from './authenticate.ts'
import { Guesses } from './guesses.ts'
import { type HtpasswdFile, parseHtpasswd } from './htpasswd-file.ts'
import { type PasswordVerifier, PasswordWorkers } from './password-workers.ts'
import { generatePassword } from './passwords.ts'

export interface HtpasswdOptions {
  readonly path: string
  readonly realm: string
  /** Milliseconds, as `Date.now`. */
  readonly clock?: () => number
  /** Told once about each trouble with the file, as a sentence; also the password of a file that had to be made. */
  readonly onWarning?: (message: string) => void
  readonly verifier?: PasswordVerifier
  /** Counts wrong passwords; without it anybody may try as many as they like. */
  readonly guesses?: Guesses
}

const SIZE_LIMIT = 16 * 1024 * 1024 // bytes; more than 200,000 accounts
const SAME_TICK_MS = 100 // two writes this close may leave the same times behind
const FIRST_ACCOUNT = parseAccountName('docker') // Distribution's name for it

/**
 * An authenticator for a htpasswd file, which is looked at (one stat) on each authentication and read again when it changed. A new state that cannot be read
 * or parsed is told once, and the accounts stay what they were. A file that is not there yet is made, with one account and a random password.
 *
 * @throws AccessError `FILE_UNUSABLE` when what is at `path` cannot be read, or nothing is there and it cannot be made.
 * @see Distribution registry/auth/htpasswd/access.go
 */
export async function openHtpasswd(options: HtpasswdOptions): Promise<Authenticator> {
  const authenticator = new HtpasswdAuthenticator(options)
  await authenticator.open()
  return authenticator
}

class HtpasswdAuthenticator implements Authenticator {
  readonly realm: string
  readonly #path: string
  readonly #clock: () => number
  readonly #warn: (message: string) => void
  readonly #verifier: PasswordVerifier
  readonly #guesses: Guesses
  #accounts: AccountList | undefined
  /** What the file looked like when it was last read, or tried to be. */
  #state = ''
  #digest = ''
  #trouble = ''
  #reloading: Promise<void> | undefined
  #thisLook = Promise.resolve('')
  #nextLook: Promise<string> | undefined

  constructor(options: HtpasswdOptions) {
    this.realm = options.realm
    this.#path = options.path
    this.#clock = options.clock ?? Date.now
    this.#warn = options.onWarning ?? emitWarning
    this.#verifier = options.verifier ?? new PasswordWorkers()
    this.#guesses = options.guesses ?? new Guesses({ attempts: Number.POSITIVE_INFINITY, lockMs: 0 })
  }

  /** @NOTE a line that cannot be parsed lets nobody in, but does not keep the registry from starting: under Distribution it starts too. */
  async open(): Promise<void> {
    const password = await createMissing(this.#path)
    if (password) this.#warn(`htpasswd is missing, provisioning ${this.#path} with default user: user=${FIRST_ACCOUNT} password=${password}`)
    await readWhole(this.#path, this.#clock())
    await this.#reload(await readState(this.#path))
  }

  async authenticate(credentials: Credentials, source = ''): Promise<Principal | undefined> {
    const state = await this.#look()
    if (state !== this.#state) await this.#reloadOnce(state)
    return await (this.#accounts ?? this.#listOf({ lines: [] })).authenticate(credentials, source)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#verifier[Symbol.asyncDispose]()
  }

  #listOf(file: HtpasswdFile): AccountList {
    return new AccountList(file, { verifier: this.#verifier, guesses: this.#guesses, clock: this.#clock })
  }

  /** What the file looks like after this call. All who ask while one look is under way share the next. */
  #look(): Promise<string> {
    this.#nextLook ??= this.#thisLook.then(() => {
      this.#nextLook = undefined
      this.#thisLook = readState(this.#path)
      return this.#thisLook
    })
    return this.#nextLook
  }

  #reloadOnce(state: string): Promise<void> {
    this.#reloading ??= this.#reload(state).finally(() => {
      this.#reloading = undefined
    })
    return this.#reloading
  }

  async #reload(state: string): Promise<void> {
    this.#state = state
    try {
      const read = await readWhole(this.#path, this.#clock())
      this.#state = read.state
      this.#accept(read.bytes)
      this.#trouble = ''
    } catch (error) {
      this.#tell(error instanceof Error ? error.message : String(error))
    }
  }

  /** The accounts become those of these bytes. The same bytes again leave what was remembered. */
  #accept(bytes: Buffer): void {
    const digest = createHash('sha256').update(bytes).digest('hex')
    if (digest === this.#digest) return
    const file = parseHtpasswd(bytes)
    this.#accounts = this.#listOf(file)
    this.#digest = digest
    for (const problem of findUnusableEntries(file)) this.#warn(`htpasswd ${this.#path}: ${problem}`)
  }

  #tell(trouble: string): void {
    if (trouble === this.#trouble) return
    this.#trouble = trouble
    const meanwhile = this.#accounts ? `the ${this.#accounts.size} accounts read before stay as they are` : 'nobody can log in'
    this.#warn(`htpasswd ${this.#path}: ${trouble}; until that is mended, ${meanwhile}`)
  }
}

/** The password of the account that was made because there was no file. */
async function createMissing(path: string): Promise<string | undefined> {
  if ((await readState(path)) !== MISSING) return undefined
  const password = generatePassword()
  try {
    await addAccount(path, FIRST_ACCOUNT, password)
    return password
  } catch (error) {
    if (error instanceof AccessError && error.code === 'ACCOUNT_EXISTS') return undefined // another process was faster
    throw error
  }
}

/** The file's bytes and what it looked like before they were read; '' when a change may follow that leaves the same times. */
async function readWhole(path: string, now: number): Promise<{ bytes: Buffer; state: string }> {
  try {
    if (!(await stat(path)).isFile()) throw new Error('this is not a file (docker makes a folder where a file to be mounted is missing)')
    await using file = await open(path)
    const stats = await file.stat({ bigint: true })
    if (stats.size > SIZE_LIMIT) throw new Error('the file is larger than 16 MiB')
    const isSettled = Math.abs(now - Number(stats.mtimeMs)) > SAME_TICK_MS
    return { bytes: await file.readFile(), state: isSettled ? formatState(stats) : '' }
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause)
    throw new AccessError('FILE_UNUSABLE', `cannot read ${path}: ${reason}`, { hint: 'name a htpasswd file that the registry may read', cause })
  }
}

const MISSING = 'ENOENT'

/** What a change of the content changes: Kubernetes swaps a symbolic link (inode), editors write in place (times) or rename (inode). */
async function readState(path: string): Promise<string> {
  try {
    return formatState(await stat(path, { bigint: true }))
  } catch (error) {
    return (error as NodeJS.ErrnoException).code ?? String(error)
  }
}

function formatState({ dev, ino, size, mtimeNs, ctimeNs }: { dev: bigint; ino: bigint; size: bigint; mtimeNs: bigint; ctimeNs: bigint }): string {
  return [dev, ino, size, mtimeNs, ctimeNs].join(' ')
}

function emitWarning(message: string): void {
  process.emitWarning(message)
}
