/** What the command line asks of htpasswd. */
export interface HtpasswdArguments {
  readonly task: 'update' | 'create' | 'print' | 'delete' | 'verify'
  readonly source: 'argument' | 'input' | 'prompt'
  /** The letter of another algorithm than bcrypt, if one was asked for last. */
  readonly otherAlgorithm?: string
  readonly cost: number
  /** Absent for `print`. */
  readonly file?: string
  readonly user: string
  /** Present when `source` is `argument`. */
  readonly password?: string
}

/** htpasswd ends with this status, after this message and, for status 2, perhaps the usage. */
export class HtpasswdExit extends Error {
  readonly status: number
  readonly showsUsage: boolean

  constructor(status: number, message: string, { showsUsage = false } = {}) {
    super(message)
    this.name = 'HtpasswdExit'
    this.status = status
    this.showsUsage = showsUsage
  }
}

const SYNTAX = 2
const OVERFLOW = 5
const ILLEGAL_USER = 6
const LENGTH_LIMIT = 255 // bytes, of names and passwords
const DEFAULT_COST = 5 // Apache's, for the same output from the same command
const FLAGS = 'cnmspdBbDi25v'
const VALUED = 'Cr'
const ALGORITHMS = 'm25dsp'
const TASKS = [
  ['c', 'create'],
  ['n', 'print'],
  ['D', 'delete'],
  ['v', 'verify'],
] as const

interface Option {
  readonly letter: string
  readonly value?: string
}

/**
 * Reads Apache's options, alone or bundled (`-Bbc file user password`, `-C10`), and the operands behind them.
 *
 * @throws HtpasswdExit with Apache's status: 2 for a usage error, 5 for something too long, 6 for a colon in the name.
 * @see https://httpd.apache.org/docs/2.4/programs/htpasswd.html
 */
export function parseHtpasswdArguments(argv: readonly string[]): HtpasswdArguments {
  const { options, operands } = splitArguments(argv)
  const letters = options.map((option) => option.letter)
  if (letters.includes('b') && letters.includes('i')) throw usage()
  const cost = options.filter((option) => VALUED.includes(option.letter)).reduce(readCost, DEFAULT_COST)
  const tasks = TASKS.filter(([letter]) => letters.includes(letter)).map(([, task]) => task)
  if (tasks.length > 1) throw new HtpasswdExit(SYNTAX, 'only one of -c -n -v -D may be specified')

  const [task = 'update'] = tasks
  const source = letters.includes('b') ? 'argument' : letters.includes('i') ? 'input' : 'prompt'
  const algorithm = letters.findLast((letter) => letter === 'B' || ALGORITHMS.includes(letter)) ?? 'B'
  return { task, source, cost, ...(algorithm !== 'B' && { otherAlgorithm: algorithm }), ...readOperands(operands, task, source) }
}

function splitArguments(argv: readonly string[]): { options: Option[]; operands: readonly string[] } {
  const options: Option[] = []
  let index = 0
  while (index < argv.length) {
    const word = argv[index] ?? ''
    if (word === '--') return { options, operands: argv.slice(index + 1) }
    if (!/^-./.test(word)) break
    const bundle = splitBundle(word.slice(1), argv[index + 1])
    options.push(...bundle.options)
    index += bundle.takesNext ? 2 : 1
  }
  return { options, operands: argv.slice(index) }
}

/** `next` is the value of a last letter that needs one. */
function splitBundle(bundle: string, next: string | undefined): { options: Option[]; takesNext: boolean } {
  const options: Option[] = []
  for (const [index, letter] of [...bundle].entries()) {
    if (VALUED.includes(letter)) {
      const value = bundle.slice(index + 1) || next
      if (value === undefined) throw usage(`option requires an argument -- ${letter}`)
      return { options: [...options, { letter, value }], takesNext: index === bundle.length - 1 }
    }
    if (!FLAGS.includes(letter)) throw usage(`illegal option -- ${letter}`)
    options.push({ letter })
  }
  return { options, takesNext: false }
}

/** `-r` counts rounds of algorithms that are not taken: only its form is looked at. */
function readCost(cost: number, { letter, value = '' }: Option): number {
  if (!/^\d+$/.test(value) || Number(value) === 0) throw new HtpasswdExit(SYNTAX, 'argument to -C/-r must be a positive integer')
  return letter === 'C' ? Number(value) : cost
}

function readOperands(operands: readonly string[], task: HtpasswdArguments['task'], source: HtpasswdArguments['source']) {
  const names = ['file', 'user', 'password'].filter((name) => (name !== 'file' || task !== 'print') && (name !== 'password' || source === 'argument'))
  if (operands.length !== names.length) throw usage()
  const named: { file?: string; user?: string; password?: string } = Object.fromEntries(names.map((name, index) => [name, operands[index]]))
  const { user = '', password = '' } = named
  if (Buffer.byteLength(user) > LENGTH_LIMIT) throw new HtpasswdExit(OVERFLOW, `username too long (> ${LENGTH_LIMIT})`)
  if (user.includes(':')) throw new HtpasswdExit(ILLEGAL_USER, `username contains illegal character ':'`)
  if (Buffer.byteLength(password) > LENGTH_LIMIT) throw new HtpasswdExit(OVERFLOW, `password too long (> ${LENGTH_LIMIT + 1})`)
  return { ...named, user }
}

function usage(message = ''): HtpasswdExit {
  return new HtpasswdExit(SYNTAX, message, { showsUsage: true })
}
