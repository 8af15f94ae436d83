import { ConfigError } from './config-error.ts'
import type { Environment } from './environment.ts'
import { isNull, newSection, type Section } from './tree.ts'

const FIRST_DESCRIPTOR = 3 // sd_listen_fds(3), SD_LISTEN_FDS_START

/**
 * The listening socket that systemd (or another parent) passed to the process `pid`; `undefined` when there is none.
 *
 * @throws ConfigError when there are several: which one to serve on is not known.
 */
export function findInheritedSocket(environment: Environment, pid: number): number | undefined {
  const count = Number(environment['LISTEN_FDS'] ?? 0)
  if (environment['LISTEN_PID'] !== String(pid) || !(count >= 1)) return undefined
  if (count === 1) return FIRST_DESCRIPTOR
  const message = `is ${count}, but one socket is served on`
  throw new ConfigError([
    { path: 'LISTEN_FDS', message, suggestion: 'keep one ListenStream= in the socket unit; http.debug.addr is listened on by lacre itself' },
  ])
}

/** What is shown as the address then, and nothing that the file says of one. */
export function noteInheritedSocket(root: Section, descriptor: number): void {
  const where = 'LISTEN_FDS'
  const http = root.entries.get('http')
  if (http && http.kind !== 'section' && !isNull(http)) return // told of as such
  const section = http?.kind === 'section' ? http : newSection({ where })
  section.entries.set('addr', { kind: 'scalar', value: `fd:${descriptor}`, text: `fd:${descriptor}`, where })
  section.entries.delete('net')
  root.entries.set('http', section)
}
