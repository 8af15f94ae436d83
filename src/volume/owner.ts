import { statSync } from 'node:fs'
import { join } from 'node:path'
import { BLOBS, REPOSITORIES, V2 } from './layout.ts'

export interface Owner {
  readonly uid: number
  readonly gid: number
}

/** Who owns a volume, by its folders or else its root; `undefined` when they are not of one mind, or there is none yet. */
export function findOwner(root: string): Owner | undefined {
  const found = [V2, BLOBS, REPOSITORIES].map((folder) => statSync(join(root, folder), { throwIfNoEntry: false })).filter((stat) => stat !== undefined)
  const [first, ...others] = found.length > 0 ? found : [statSync(root, { throwIfNoEntry: false })]
  if (!first || others.some((other) => other?.uid !== first.uid)) return undefined
  return { uid: first.uid, gid: first.gid }
}
