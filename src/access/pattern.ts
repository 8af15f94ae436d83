/** Tells whether a name is one of those a pattern stands for. In time that grows with the square of the name's length at most. */
export type Matches = (name: string) => boolean

/** The whole component that stands for one or more. */
const ANY_COMPONENTS = '**'

/** A pattern of repositories: `*` stands for one component or a part of it, `**` for one or more components. */
export function compileRepositoryPattern(pattern: string): Matches {
  if (pattern === ANY_COMPONENTS) return () => true
  if (!pattern.includes('*')) return (name) => name === pattern
  const folder = /^([^*]+\/)\*\*$/.exec(pattern)?.[1]
  if (folder !== undefined) return (name) => name.length > folder.length && name.startsWith(folder)
  const parts = pattern.split('/').flatMap((part) => (part === ANY_COMPONENTS ? ['*', ANY_COMPONENTS] : [part]))
  return (name) => matchRun(parts, name.split('/'), { anyRun: ANY_COMPONENTS, fits: matchText })
}

/** A pattern of tags: `*` stands for any characters, or none. */
export function compileTagPattern(pattern: string): Matches {
  return (tag) => matchText(pattern, tag)
}

function matchText(pattern: string, text: string): boolean {
  if (!pattern.includes('*')) return pattern === text
  return matchRun(pattern, text, { anyRun: '*', fits: (part, character) => part === character })
}

interface Sequence {
  readonly length: number
  readonly [index: number]: string
}

interface Wildcard {
  /** The part that stands for any run of items, or none. */
  readonly anyRun: string
  readonly fits: (part: string, item: string) => boolean
}

/** @NOTE only the last run is ever made longer: what an earlier one took more, the last could as well. */
function matchRun(parts: Sequence, items: Sequence, { anyRun, fits }: Wildcard): boolean {
  let part = 0
  let lastRun = -1
  let runEnd = 0
  for (let item = 0; item < items.length; ) {
    if (parts[part] === anyRun) {
      lastRun = part++
      runEnd = item
    } else if (part < parts.length && fits(parts[part] ?? '', items[item] ?? '')) {
      part++
      item++
    } else if (lastRun >= 0) {
      part = lastRun + 1
      item = ++runEnd
    } else return false
  }
  while (parts[part] === anyRun) part++
  return part === parts.length
}
