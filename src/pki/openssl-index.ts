import { existsSync } from 'node:fs'
import { plainSerial, type RevocationReason, revocationReasons } from './ledger.ts'
import { readOrdinaryFile } from './ordinary-file.ts'
import type { Revocation } from './revocation-list.ts'

/** A revoked certificate in the index.txt of `openssl ca` and easy-rsa. */
export interface IndexedRevocation extends Revocation {
  readonly subject: string
  readonly notAfter: Date
  readonly reason: RevocationReason
}

/** The revoked certificates of an index; none where there is no such file. */
export async function readIndex(path: string): Promise<IndexedRevocation[]> {
  if (!existsSync(path)) return []
  const text = await readOrdinaryFile(path)
  return text.toString().split('\n').flatMap(parseLine)
}

/** State, end, revocation with its reason, serial, file, subject: with tabs between them. */
function parseLine(line: string): IndexedRevocation[] {
  const [state, end = '', revocation = '', serial = '', , subject = ''] = line.split('\t')
  const [at = '', reason] = revocation.split(',')
  if (state !== 'R' || !/^[0-9a-f]+$/i.test(serial)) return []
  return [{ serial: plainSerial(serial), subject: formatSubject(subject), notAfter: parseTime(end), at: parseTime(at), reason: parseReason(reason) }]
}

function formatSubject(text: string): string {
  return text.replace(/^\//, '').split('/').join(', ')
}

const WITH_TIME: Readonly<Record<string, RevocationReason>> = { keytime: 'keyCompromise', cakeytime: 'cACompromise' } // the time of the compromise follows

function parseReason(text = ''): RevocationReason {
  const word = text.toLowerCase()
  return WITH_TIME[word] ?? (Object.keys(revocationReasons) as RevocationReason[]).find((reason) => reason.toLowerCase() === word) ?? 'unspecified'
}

/** `261122054000Z`, or with four digits of the year from 2050: RFC 5280, 4.1.2.5. */
function parseTime(text: string): Date {
  const [, year = '', month, day, hour, minute, second] = /^(\d{2}|\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)Z$/.exec(text) ?? []
  const whole = year.length === 4 ? year : `${Number(year) < 50 ? 20 : 19}${year}`
  const date = new Date(`${whole}-${month}-${day}T${hour}:${minute}:${second}Z`)
  return Number.isNaN(date.getTime()) ? new Date(0) : date
}
