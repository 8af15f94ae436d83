import { readFileSync } from 'node:fs'

const RESERVED = 128 // the program, its databases, folders being synced, and connections that are being turned away
const EACH = 2 // a socket, and the file that is read or written for it

/** How many connections the limit of open files (`ulimit -n`) has room for, at least one; unlimited where the system does not tell. */
export function affordableConnections(): number {
  const limit = findDescriptorLimit()
  return limit === undefined ? Number.POSITIVE_INFINITY : Math.max(1, Math.floor((limit - RESERVED) / EACH))
}

function findDescriptorLimit(): number | undefined {
  try {
    const soft = /^Max open files +(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8'))?.[1]
    return soft === undefined ? undefined : Number(soft)
  } catch {
    return undefined // no /proc here
  }
}
