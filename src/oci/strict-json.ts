/** How deep a document may nest. Manifests nest five deep; the limit only has to stop attacks. */
const DEPTH_LIMIT = 128

/**
 * Reads JSON that means the same to every reader: valid UTF-8, no key twice in one object, nested at most 128 deep.
 * Readers that keep the first or the last of two keys would otherwise see two different manifests under one digest.
 *
 * @throws Error whose message says what is wrong, fit for a client.
 */
export function parseStrictJson(bytes: Uint8Array): unknown {
  const text = decode(bytes)
  refuseDepthAndDuplicates(text)
  return parse(text)
}

function decode(bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch (cause) {
    throw new Error('not valid UTF-8', { cause })
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (cause) {
    throw new Error(`not JSON: ${(cause as Error).message.slice(0, 120)}`, { cause })
  }
}

/** One pass over the tokens that matter. Text that is not JSON may pass: the parser refuses it afterwards. */
function refuseDepthAndDuplicates(text: string): void {
  const open: (Set<string> | undefined)[] = [] // the keys of each open object; undefined for an array
  for (let at = 0; at < text.length; at++) {
    const char = text[at]
    if (char === '"') {
      const end = endOfString(text, at)
      if (isKey(text, end)) addKey(open.at(-1), text.slice(at, end))
      at = end - 1
    } else if (char === '{' || char === '[') {
      if (open.length === DEPTH_LIMIT) throw new Error(`nested more than ${DEPTH_LIMIT} deep`)
      open.push(char === '{' ? new Set() : undefined)
    } else if (char === '}' || char === ']') {
      open.pop()
    }
  }
}

/** The position after the string's closing quote, or the end of the text. */
function endOfString(text: string, start: number): number {
  for (let at = start + 1; at < text.length; at++) {
    if (text[at] === '\\') at++
    else if (text[at] === '"') return at + 1
  }
  return text.length
}

const WHITE_SPACE = new Set([' ', '\t', '\n', '\r'])

function isKey(text: string, end: number): boolean {
  let at = end
  while (WHITE_SPACE.has(text[at] ?? '')) at++
  return text[at] === ':'
}

function addKey(keys: Set<string> | undefined, token: string): void {
  const key = parse(token) as string
  if (keys?.has(key)) throw new Error(`the key ${JSON.stringify(key.slice(0, 60))} stands twice in one object`)
  keys?.add(key)
}
