import { createPublicKey } from 'node:crypto'
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { openCertificateLedger } from '../src/metadata/certificate-ledger.ts'
import { type Authority, createAuthority } from '../src/pki/authority.ts'
import { makeKey } from '../src/pki/key-kind.ts'
import type { Ledger } from '../src/pki/ledger.ts'
import { parseCertificateNames } from '../src/pki/names.ts'
import type { Figure, Measuring } from './figures.ts'

/** Milliseconds to issue many certificates, to list them, and to revoke one where many are revoked already. */
export async function measureCertificates({ files, sizes }: Pick<Measuring, 'files' | 'sizes'>): Promise<Figure[]> {
  const directory = join(files.folder, 'pki')
  const ledger = openCertificateLedger(join(directory, 'ledger.db'))
  try {
    const authority = await createAuthority({ directory, ledger, name: 'bench' })
    const issued = await timed(() => issueMany(authority, sizes.certificates))
    const listed = await timed(() => authority.list())
    await revokeMany(authority, ledger, sizes.revoked)
    const revoked = await timed(() => authority.revoke('host-0.example', 'superseded'))
    return [
      { name: `issue ${sizes.certificates} certificates, keys included`, unit: 'ms', lacre: issued },
      { name: `list ${sizes.certificates} certificates`, unit: 'ms', lacre: listed },
      { name: `revoke one of them beside ${sizes.revoked} others`, unit: 'ms', lacre: revoked },
      { name: 'the three together', unit: 'ms', lacre: issued + listed + revoked, atMost: 10_000 },
    ]
  } finally {
    ledger.close()
    rmSync(directory, { recursive: true, force: true })
  }
}

async function issueMany(authority: Authority, count: number): Promise<void> {
  for (let at = 0; at < count; at++) {
    const key = await makeKey('ec:p256')
    await authority.issue({ profile: 'server', names: parseCertificateNames([`host-${at}.example`]), publicKey: createPublicKey(key) })
  }
}

/** Enters certificates that are revoked from the beginning: copies of the last one, each with a serial of its own. */
async function revokeMany(authority: Authority, ledger: Ledger, count: number): Promise<void> {
  const last = authority.list().at(-1)
  if (!last) throw new Error('nothing was issued')
  const at = new Date()
  await ledger.exclusively(async (pen) => {
    for (let number = 0; number < count; number++) {
      const serial = (0x40n * 2n ** 120n + BigInt(number)).toString(16)
      pen.add({ ...last, serial, names: ['dns:revoked.example'] })
      pen.revoke(serial, at, 'superseded')
    }
  })
}

async function timed(work: () => unknown): Promise<number> {
  const startedMs = performance.now()
  await work()
  return performance.now() - startedMs
}
