import { createPublicKey, type X509Certificate } from 'node:crypto'
import { COMMON_NAME_LIMIT, type DistinguishedName, findAttribute } from './distinguished-name.ts'
import { formatKey } from './key-file.ts'
import { type KeyKind, makeKey } from './key-kind.ts'
import { CLOCK_SKEW_MS, DAY_MS } from './leaf-certificate.ts'
import type { NameConstraints } from './name-constraints.ts'
import { signCertificate } from './sign-certificate.ts'

/** A CA that is to be made. */
export interface RootRequest {
  /** The CN, cut to 64 characters. */
  readonly name: string
  /** What stands before the CN. A CN in it takes the place of the name. */
  readonly subject?: DistinguishedName
  /** `ec:p256` without it. */
  readonly kind?: KeyKind
  /** 3650 without it. */
  readonly days?: number
  /** The only names it may vouch for. */
  readonly permit?: NameConstraints
  /** Encrypts the key. */
  readonly passphrase?: string
}

export const CA_DAYS = 3650

/** The two files in which a CA is kept, for `writeFolderDurably`. */
export type RootFiles = Readonly<Record<'ca.crt' | 'ca.key', { readonly text: string; readonly mode: number }>>

/** Makes a root: pathlen 0, critical constraints, a key identifier. Nothing is written. */
export async function makeRoot(request: RootRequest, now: number): Promise<{ certificate: X509Certificate; files: RootFiles }> {
  const key = await makeKey(request.kind ?? 'ec:p256')
  const certificate = signCertificate(
    { key },
    {
      profile: 'authority',
      subject: rootSubject(request),
      publicKey: createPublicKey(key),
      ...(request.permit && { constraints: request.permit }),
      ...rootValidity(request.days, now),
    },
  )
  const keyText = await formatKey(key, request.passphrase)
  return { certificate, files: { 'ca.key': { text: keyText, mode: 0o600 }, 'ca.crt': { text: certificate.toString(), mode: 0o644 } } }
}

export function rootSubject({ name, subject = [] }: Pick<RootRequest, 'name' | 'subject'>): DistinguishedName {
  return findAttribute(subject, 'CN') === undefined ? [...subject, { type: 'CN', value: name.slice(0, COMMON_NAME_LIMIT) }] : subject
}

export function rootValidity(days: number = CA_DAYS, now: number): { notBefore: Date; notAfter: Date } {
  return { notBefore: new Date(now - CLOCK_SKEW_MS), notAfter: new Date(now + days * DAY_MS) }
}
