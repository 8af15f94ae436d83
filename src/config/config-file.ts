import { createReadStream } from 'node:fs'
import { ConfigError } from './config-error.ts'
import { CONFIGURATION_PATH } from './environment.ts'

const LIMIT = 1024 * 1024 // bytes; a configuration has a few thousand

const TROUBLE: Readonly<Record<string, string>> = {
  ENOENT: 'does not exist',
  EISDIR: 'is a folder, not a file',
  EACCES: 'may not be read by this user',
  ELOOP: 'is a link that leads to itself',
}

/**
 * The text of a configuration: UTF-8, or UTF-16 with a byte order mark, as Distribution's parser takes it.
 *
 * @throws ConfigError when there is none.
 */
export async function readConfigFile(path: string): Promise<string> {
  const bytes = await readBytes(path)
  const text = decode(bytes)
  const control = text && /[^\P{Cc}\t\n\r\u0085]/u.exec(text)
  if (text !== undefined && !control) return text
  const line = control ? ` (line ${text.slice(0, control.index).split('\n').length})` : ''
  const message =
    text === undefined ? 'is not text in UTF-8' : `holds a character that no text has, U+${control?.[0].charCodeAt(0).toString(16).padStart(4, '0')}${line}`
  throw new ConfigError([{ path, message, suggestion: 'name a YAML file, saved as UTF-8' }])
}

/** @NOTE what is read may be a pipe or a device, which has no size and perhaps no end. */
async function readBytes(path: string): Promise<Buffer> {
  const chunks: Buffer[] = []
  let size = 0
  try {
    for await (const chunk of createReadStream(path) as AsyncIterable<Buffer>) {
      size += chunk.length
      if (size > LIMIT) break
      chunks.push(chunk)
    }
  } catch (error) {
    const { code = '', message } = error as NodeJS.ErrnoException
    const suggestion = `check the path, the argument before ${CONFIGURATION_PATH}`
    throw new ConfigError([{ path, message: TROUBLE[code] ?? `cannot be read (${code || message})`, suggestion }])
  }
  if (size <= LIMIT) return Buffer.concat(chunks)
  throw new ConfigError([{ path, message: 'is longer than 1 MiB', suggestion: 'name the configuration file; a whole one has a few hundred lines' }])
}

function decode(bytes: Buffer): string | undefined {
  const mark = bytes.subarray(0, 2).toString('hex')
  const encoding = mark === 'fffe' ? 'utf-16le' : mark === 'feff' ? 'utf-16be' : 'utf-8'
  try {
    return new TextDecoder(encoding, { fatal: true }).decode(bytes)
  } catch {
    return undefined
  }
}
