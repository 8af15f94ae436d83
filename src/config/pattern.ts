/** What Go's syntax has and JavaScript's reads otherwise or not at all. */
const GO_ONLY = /\\[QECpP]|\[\[:|\(\?[a-zA-Z]*-?[a-zA-Z]*U|\\[xX]\{/

/**
 * A regular expression in Go's syntax, as far as JavaScript has the same; `undefined` when it is none, or would mean something else.
 *
 * @see https://github.com/google/re2/wiki/Syntax
 */
export function findPattern(text: string): RegExp | undefined {
  if (GO_ONLY.test(text)) return undefined
  const translated = text
    .replaceAll('(?P<', '(?<')
    .replaceAll('\\A', '^')
    .replaceAll('\\z', '$')
    .replace(/^\(\?([ims]+)\)(.*)$/s, '(?$1:$2)')
  try {
    return new RegExp(translated)
  } catch {
    return undefined
  }
}

/** A pattern that the configuration was checked for. */
export function readPattern(text: string): RegExp {
  const pattern = findPattern(text)
  if (!pattern) throw new Error(`${text} is no pattern`)
  return pattern
}
