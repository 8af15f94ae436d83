import { statSync } from 'node:fs'
import { join } from 'node:path'
import { BLOBS, REPOSITORIES, V2 } from './layout.ts'

export interface Owner {
  readonly uid: number
  readonly gid: number
}

/** The owner of a volume that is not root's, when we are root: its files stay that owner's. */
export function findForeignOwner(root: string): Owner | undefined {
  const owner = process.getuid?.() === 0 ? findOwner(root) : undefined
  return owner?.uid === 0 ? undefined : owner
}

/** Changes who we act as, for now; `undefined` is who we started as. */
export function actAs(owner: Owner | undefined): void {
  if (process.getuid?.() !== 0) return
  process.seteuid?.(0)
  process.setegid?.(owner?.gid ?? 0)
  if (owner) process.seteuid?.(owner.uid)
}

/** Does something as who we started as, in the midst of acting as another: with files that are none of the volume's. */
export async function asStarted<T>(work: () => Promise<T>): Promise<T> {
  const [uid, gid] = [process.geteuid?.() ?? 0, process.getegid?.() ?? 0]
  actAs(undefined)
  try {
    return await work()
  } finally {
    actAs(uid === 0 ? undefined : { uid, gid })
  }
}

/** Gives up root for ever. */
export function becomeForGood(owner: Owner | undefined): void {
  if (!owner) return
  process.setgroups?.([owner.gid])
  process.setgid?.(owner.gid)
  process.setuid?.(owner.uid)
}

/** Who owns a volume, by its folders or else its root; `undefined` when they are not of one mind, or there is none yet. */
function findOwner(root: string): Owner | undefined {
  const found = [V2, BLOBS, REPOSITORIES].map((folder) => statSync(join(root, folder), { throwIfNoEntry: false })).filter((stat) => stat !== undefined)
  const [first, ...others] = found.length > 0 ? found : [statSync(root, { throwIfNoEntry: false })]
  if (!first || others.some((other) => other?.uid !== first.uid)) return undefined
  return { uid: first.uid, gid: first.gid }
}
