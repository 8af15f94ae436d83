import { X509Certificate } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { AcmeCertificate, type AcmeSettings } from '../../src/pki/acme/acme-certificate.ts'
import { parseCertificateNames } from '../../src/pki/names.ts'
import { AcmeServer } from './acme-server.ts'
import { CertificateFolder } from './certificates.ts'
import { ManualClock } from './manual-clock.ts'

/** A server, a client, and a clock that both go by. */
export class AcmeStage {
  readonly clock = new ManualClock()
  readonly happened: string[] = []
  readonly folder: CertificateFolder
  readonly server: AcmeServer
  #opened: AcmeCertificate | undefined

  constructor(folder: CertificateFolder, server: (now: () => number) => AcmeServer) {
    this.folder = folder
    this.server = server(this.clock.now)
  }

  static async set(): Promise<AcmeStage> {
    const folder = await CertificateFolder.make()
    const authority = await folder.issue('authority', { profile: 'authority', names: [], notBefore: new Date(0), notAfter: new Date('2099-01-01') })
    return new AcmeStage(folder, (now) => new AcmeServer(authority, now))
  }

  get path(): string {
    return join(this.folder.path, 'acme')
  }

  /** Also a restart: what is known is read from the disk. */
  async open(change: Partial<AcmeSettings> = {}): Promise<AcmeCertificate> {
    const settings = {
      directoryUrl: this.server.directoryUrl,
      names: parseCertificateNames(['registry.test']),
      challenge: 'http-01',
      folder: this.path,
    } as const
    const report = {
      issued: ({ renewAt }: { renewAt: Date }) => void this.happened.push(`issued, to be renewed on ${renewAt.toISOString().slice(0, 10)}`),
      failed: (error: Error, { retryAt }: { retryAt: Date }) => void this.happened.push(`failed: ${error.message} until ${retryAt.toISOString()}`),
    }
    const sleep = async (ms: number): Promise<void> => this.clock.advance(ms)
    const world = { now: this.clock.now, random: () => 0.5, sleep, transport: this.server.ask }
    this.#opened = await new AcmeCertificate({ ...settings, ...change }, report, world).open()
    return this.#opened
  }

  async leaf(): Promise<X509Certificate> {
    return new X509Certificate(await readFile(join(this.path, 'certificate.pem')))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#opened?.[Symbol.asyncDispose]()
    await this.folder[Symbol.asyncDispose]()
  }
}
