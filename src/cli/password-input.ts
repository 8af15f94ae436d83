import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'
import { Writable } from 'node:stream'
import { AccessError } from '../access/access-error.ts'

/** The streams a command talks through. */
export interface CommandStreams {
  readonly stdin: Readable & { readonly isTTY?: boolean }
  readonly stdout: Writable
  readonly stderr: Writable & { readonly isTTY?: boolean }
}

const INPUT_LIMIT = 64 * 1024 // bytes; a password has at most 72

/** All lines of what is piped in, without their ends. @throws AccessError `PASSWORD_INVALID` if it is longer than 64 KiB or not UTF-8. */
export async function readLines(stdin: Readable): Promise<string[]> {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of stdin) {
    chunks.push(Buffer.from(chunk))
    size += chunks.at(-1)?.length ?? 0
    if (size > INPUT_LIMIT) throw new AccessError('PASSWORD_TOO_LONG', 'the input is longer than 64 KiB', { hint: 'pipe in the password alone' })
  }
  const text = Buffer.concat(chunks, size).toString('utf8')
  if (text.includes('\uFFFD')) throw new AccessError('PASSWORD_INVALID', 'the password is not UTF-8', { hint: 'pipe it in as UTF-8' })
  return text.split(/\r?\n/)
}

/** What is piped in, without the line end that `echo` adds. @throws AccessError as {@link readLines} */
export async function readPipedPassword(stdin: Readable): Promise<string> {
  const lines = await readLines(stdin)
  return lines.at(-1) === '' ? lines.slice(0, -1).join('\n') : lines.join('\n')
}

/** One line typed at a terminal, not shown; `undefined` when the person gives up. */
export async function readHiddenLine(prompt: string, { stdin, stderr }: CommandStreams): Promise<string | undefined> {
  stderr.write(prompt)
  const nowhere = new Writable({ write: (_chunk, _encoding, done) => done() })
  const terminal = createInterface({ input: stdin, output: nowhere, terminal: true })
  const { promise, resolve } = Promise.withResolvers<string | undefined>()
  terminal.once('line', resolve)
  terminal.once('close', () => resolve(undefined))
  const line = await promise
  terminal.close()
  stderr.write('\n')
  return line
}
