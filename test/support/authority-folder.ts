import { createPublicKey, type KeyObject } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Authority, type AuthorityOptions, createAuthority, type Issued, type NewAuthority, openAuthority } from '../../src/pki/authority.ts'
import { authorityPaths } from '../../src/pki/authority-files.ts'
import { type KeyKind, makeKey } from '../../src/pki/key-kind.ts'
import type { LeafRequest } from '../../src/pki/leaf-certificate.ts'
import type { Ledger } from '../../src/pki/ledger.ts'
import { parseCertificateNames } from '../../src/pki/names.ts'
import { openLedger } from './ledger-file.ts'

export const DAY_MS = 24 * 60 * 60 * 1000

/** The folder of an authority with its ledger and a clock that stands still until it is moved; removed at the end. */
export class AuthorityFolder implements AsyncDisposable {
  readonly root: string
  readonly ledger: Ledger & Disposable
  now = Date.UTC(2030, 0, 1)

  constructor(root: string) {
    this.root = root
    this.ledger = openLedger(join(root, 'pki'))
  }

  static async make(): Promise<AuthorityFolder> {
    return new AuthorityFolder(await mkdtemp(join(tmpdir(), 'lacre-authority-')))
  }

  get options(): AuthorityOptions {
    return { directory: join(this.root, 'pki'), ledger: this.ledger, now: () => this.now }
  }

  get paths() {
    return authorityPaths(this.options.directory)
  }

  create(more: Partial<NewAuthority> = {}): Promise<Authority> {
    return createAuthority({ ...this.options, name: 'test CA', ...more })
  }

  open(): Promise<Authority> {
    return openAuthority(this.options)
  }

  /** Issues a certificate for a new key, by the CA as it is now. */
  async issue(names: readonly string[], more: Partial<LeafRequest> & { readonly kind?: KeyKind } = {}): Promise<Issued & { key: KeyObject }> {
    const key = await makeKey(more.kind ?? 'ec:p256')
    const authority = await this.open()
    const request: LeafRequest = { profile: 'server', ...more, names: parseCertificateNames(names), publicKey: createPublicKey(key) }
    return { ...(await authority.issue(request)), key }
  }

  passDays(days: number): void {
    this.now += days * DAY_MS
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.ledger.close()
    await rm(this.root, { recursive: true, force: true })
  }
}
