import { createPrivateKey, createPublicKey, type KeyObject, type X509Certificate } from 'node:crypto'
import { join } from 'node:path'
import { findText, parseCertificate } from '../authority-files.ts'
import { CertificateError } from '../certificate-error.ts'
import { makePrivateFolder, writeFileDurably } from '../durable-files.ts'
import { formatKey } from '../key-file.ts'
import { makeKey } from '../key-kind.ts'
import type { CertificateName } from '../names.ts'
import { isCertificate, isPrivateKey, parsePem } from '../pem.ts'
import { signCertificate } from '../sign-certificate.ts'
import { emptySchedule, type Schedule, scheduleSchema } from './schedule.ts'

/** A certificate that is served. */
export interface HeldCertificate {
  readonly leaf: X509Certificate
  /** Whether it only stands in until the first one is issued. */
  readonly isStandIn: boolean
}

const DAY_MS = 24 * 60 * 60 * 1000
const STAND_IN_MS = 30 * DAY_MS

/** The files of one account at one server: its key, the certificate and what was tried. All 0600, in a folder of 0700, whole after a power cut. */
export class AcmeFiles {
  readonly #folder: string

  constructor(folder: string) {
    this.#folder = folder
  }

  /** Key and chain in one file, so that they change in one step. */
  get certificatePath(): string {
    return join(this.#folder, 'certificate.pem')
  }

  get schedulePath(): string {
    return join(this.#folder, 'schedule.json')
  }

  /** @throws CertificateError if the folder cannot be made. */
  async open(): Promise<void> {
    try {
      await makePrivateFolder(this.#folder)
    } catch (cause) {
      const hint = 'name a folder that this user may write in http.tls.letsencrypt.cachefile'
      throw new CertificateError(`cannot make the folder ${this.#folder}: ${(cause as Error).message}`, { hint, cause })
    }
  }

  /** The account's key; made the first time. */
  async accountKey(): Promise<KeyObject> {
    const path = join(this.#folder, 'account.key')
    const text = await findText(path)
    if (text !== undefined) return parseKey(text, path)
    const key = await makeKey('ec:p256')
    await writeFileDurably(path, await formatKey(key), 0o600)
    return key
  }

  /** @throws CertificateError if the file is no certificate with its key. */
  async findCertificate(): Promise<HeldCertificate | undefined> {
    return (await findPair(this.certificatePath))?.held
  }

  /** Takes over a certificate with its key that another program has kept in one file, if it is not over yet. What cannot be read is none. */
  async adopt(path: string, now: number): Promise<HeldCertificate | undefined> {
    const pair = await findPair(path).catch(() => undefined)
    if (!pair || pair.held.isStandIn || pair.held.leaf.validToDate.getTime() <= now) return undefined
    await this.writeCertificate(pair.chain, pair.key)
    return pair.held
  }

  /** Signs a certificate by itself, for handshakes to have one at all until the server has issued one. */
  async makeStandIn(names: readonly CertificateName[], now: number): Promise<HeldCertificate> {
    const key = await makeKey('ec:p256')
    const validity = { notBefore: new Date(now - DAY_MS), notAfter: new Date(now + STAND_IN_MS) }
    const leaf = signCertificate(
      { key },
      { profile: 'server', subject: [{ type: 'CN', value: 'lacre, until ACME' }], publicKey: createPublicKey(key), names, ...validity },
    )
    await this.writeCertificate(leaf.toString(), key)
    return { leaf, isStandIn: true }
  }

  async writeCertificate(chain: string, key: KeyObject): Promise<void> {
    await writeFileDurably(this.certificatePath, (await formatKey(key)) + chain, 0o600)
  }

  /** An unreadable schedule is an empty one: it only says when to try again. */
  async readSchedule(): Promise<Schedule> {
    const text = await findText(this.schedulePath)
    try {
      return scheduleSchema.parse(JSON.parse(text ?? ''))
    } catch {
      return emptySchedule
    }
  }

  async writeSchedule(schedule: Schedule): Promise<void> {
    await writeFileDurably(this.schedulePath, `${JSON.stringify(schedule, undefined, 2)}\n`, 0o600)
  }
}

async function findPair(path: string): Promise<{ held: HeldCertificate; chain: string; key: KeyObject } | undefined> {
  const text = await findText(path)
  if (text === undefined) return undefined
  const blocks = parsePem(text)
  const [chain, keyBlock] = [blocks.filter(isCertificate).map((block) => block.text), blocks.find(isPrivateKey)]
  if (!chain[0] || !keyBlock) throw damaged(path)
  const [leaf, key] = [parseCertificate(chain[0], path), parseKey(keyBlock.text, path)]
  if (!leaf.checkPrivateKey(key)) throw damaged(path)
  return { held: { leaf, isStandIn: leaf.issuer === leaf.subject && leaf.verify(leaf.publicKey) }, chain: chain.join(''), key }
}

function parseKey(text: string, path: string): KeyObject {
  try {
    return createPrivateKey(text)
  } catch {
    throw damaged(path) // without the cause: it may quote the file
  }
}

function damaged(path: string): CertificateError {
  return new CertificateError(`${path} does not hold what lacre wrote there`, { hint: `restore it from a backup, or remove it: it is made again` })
}
