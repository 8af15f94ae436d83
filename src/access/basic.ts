import type { Credentials } from './authenticate.ts'

const BASIC = /^basic +((?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?)$/i

/**
 * Reads an `Authorization` header of the Basic scheme, or `undefined` if it is none: another scheme, not padded base64, not UTF-8, or without a colon.
 * The first colon ends the name, so a password may hold more of them.
 *
 * @see https://www.rfc-editor.org/rfc/rfc7617#section-2
 */
export function parseBasic(header: string): Credentials | undefined {
  const encoded = BASIC.exec(header)?.[1]
  const text = encoded && decodeText(encoded)
  const colon = text ? text.indexOf(':') : -1
  if (!text || colon < 0) return undefined
  return { username: text.slice(0, colon), password: text.slice(colon + 1) }
}

function decodeText(encoded: string): string | undefined {
  const bytes = Buffer.from(encoded, 'base64')
  const text = bytes.toString('utf8')
  return Buffer.from(text, 'utf8').equals(bytes) ? text : undefined
}
