import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Finished, lacreEach } from './support/lacre.ts'

/** The commands that a help lists, but for `help` itself. */
function listed({ stdout }: Finished): string[] {
  const [, list = ''] = stdout.split('\nCommands:\n')
  const lines = (list.split('\n\n')[0] ?? '').split('\n')
  return lines.flatMap((line) => /^ {2}([a-z][a-z-]*)/.exec(line)?.[1] ?? []).filter((name) => name !== 'help')
}

/** Every command below `command`, with its help. */
async function helpBelow(commands: readonly string[][]): Promise<{ command: string; text: string }[]> {
  if (commands.length === 0) return []
  const helps = await lacreEach(commands.map((command) => [...command, '--help']))
  const below = helps.flatMap((help, index) => listed(help).map((name) => [...(commands[index] ?? []), name]))
  return [...helps.map(({ stdout }, index) => ({ command: commands[index]?.join(' ') ?? '', text: stdout })), ...(await helpBelow(below))]
}

test('the help of every command fits on 80 columns, and that of each that does something has an example', async () => {
  const helps = await helpBelow([[]])
  assert.ok(helps.length > 50, `only ${helps.length} commands`)
  const wide = helps.flatMap(({ command, text }) =>
    text
      .split('\n')
      .filter((line) => line.length > 80 && !line.includes('(default: "/'))
      .map((line) => `${command}: ${line}`),
  )
  const bare = helps.filter(({ text }) => !/Example|\n {2}(?:\d\. )?lacre /.test(text)).map(({ command }) => command)
  assert.deepEqual({ wide, bare }, { wide: [], bare: [] })
})
