import { type Action, actions } from './actions.ts'
import type { Attempt } from './client.ts'
import { situations } from './situations.ts'

/** What a run saw of one client. */
export interface Column {
  readonly name: string
  readonly version: string
  /** Where it looks for the CA's certificate. */
  readonly trusts: string
  /** `yes`, or why not. */
  readonly cells: Readonly<Record<Action, string>>
  readonly refusals: readonly Refusal[]
}

export interface Refusal {
  /** The situation's title. */
  readonly situation: string
  readonly attempt: Attempt
  /** What the client said. */
  readonly text: string
}

const HEAD = `# Clients

What each client can do with lacre, and what it says when it is refused. The page is written by \`scripts/test-clients --write\`, which drives the real programs against
lacre over HTTPS with a password, on a volume that Distribution 2.8 wrote. The suite fails when a cell does, and when this page says something else than it saw.
The cells are in \`test/clients/table\`, one file a client.

\`registry.example:5000\` stands for your registry.
`

const ALIKE = `Each text was got from Distribution 2.8 too, in the same run, and is the same but for these:

- Where a client certificate is missing or of another CA, Distribution 2.8 says \`bad certificate\`; lacre says \`certificate required\`, as do registries built with a newer Go.
- For a manifest that is unknown, Distribution's details name the tag, lacre's the repository and the reference.
- curl's code for a refused client certificate (52, 55 or 56) depends on which end closes first.
`

/** The text of docs/clients.md. */
export function renderDocument(columns: readonly Column[]): string {
  const clients = columns.map(({ name, version, trusts }) => [name, version, trusts])
  const rows = (Object.keys(actions) as Action[]).map((action) => [actions[action], ...columns.map(({ cells }) => cells[action])])
  const parts = [
    HEAD,
    '## Where a client finds the CA\n',
    renderTable(['client', 'version tried', 'place'], clients),
    '## What it can do\n',
    renderTable(['', ...columns.map(({ name }) => name)], rows),
    '## What it says when it is refused\n',
    ALIKE,
    ...situations.flatMap(({ title, remedy }) => [`### ${title}\n`, `${remedy}\n`, renderTable(['client', 'does', 'says'], refusalRows(columns, title))]),
  ]
  return parts.join('\n')
}

/** The columns of a document, as it was written. */
export function readDocument(text: string): Column[] {
  const sections = new Map(text.split(/^###? /m).map((section) => [section.slice(0, section.indexOf('\n')), readTable(section)]))
  const [heads = [], ...rows] = sections.get('What it can do') ?? []
  const clients = sections.get('Where a client finds the CA') ?? []
  return clients.slice(1).map(([name = '', version = '', trusts = '']) => {
    const at = heads.indexOf(name)
    const cells = Object.entries(actions).map(([action, title]) => [action, rows.find(([first]) => first === title)?.[at] ?? 'not tried'])
    const refusals = situations.flatMap(({ title }) => readRefusals(sections.get(title) ?? [], title, name))
    return { name, version, trusts, cells: Object.fromEntries(cells) as Column['cells'], refusals }
  })
}

/** One row for each text, with all clients that say it. */
function refusalRows(columns: readonly Column[], situation: string): string[][] {
  const said = new Map<string, { names: string[]; attempt: string; text: string }>()
  for (const { name, refusals } of columns) {
    for (const { attempt, text } of refusals.filter((refusal) => refusal.situation === situation)) {
      const row = said.get(`${attempt} ${text}`) ?? { names: [], attempt, text }
      said.set(`${attempt} ${text}`, { ...row, names: [...row.names, name] })
    }
  }
  return [...said.values()].map(({ names, attempt, text }) => [names.join(', '), attempt, `\`${text}\``])
}

function readRefusals(rows: readonly string[][], situation: string, name: string): Refusal[] {
  return rows
    .filter(([names]) => names?.split(', ').includes(name))
    .map(([, attempt, text = '']) => ({ situation, attempt: attempt as Attempt, text: text.replaceAll(/^`|`$/g, '') }))
}

function renderTable(heads: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |\n`
  return line(heads) + line(heads.map(() => '---')) + rows.map(line).join('')
}

/** The cells of every line that is part of a table, without the line under the heads. */
function readTable(section: string): string[][] {
  const lines = section.split('\n').filter((line) => line.startsWith('| ') && !line.startsWith('| --- '))
  return lines.map((line) =>
    line
      .slice(2, -2)
      .split(/ (?<!\\)\| /)
      .map((cell) => cell.replaceAll('\\|', '|')),
  )
}
