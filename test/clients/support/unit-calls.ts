import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { runOk } from './command.ts'
import { ROOT } from './registry-server.ts'

/** What SystemCallFilter of the unit comes to: the sets it names, and those that it takes away again. */
export async function callsOfUnit(): Promise<string[]> {
  const unit = await readFile(join(ROOT, 'deploy/systemd/lacre.service'), 'utf8')
  const sets = new Map<string, string[]>()
  for (const [, name = '', members = ''] of (await runOk('systemd-analyze', ['syscall-filter'])).matchAll(/^(@\S+)\n((?: {4}.*\n)*)/gm))
    sets.set(
      name,
      members
        .split('\n')
        .map((line) => line.trim())
        .filter((word) => /^[@a-z]/.test(word)),
    )
  const expand = (name: string): string[] => (name.startsWith('@') ? (sets.get(name) ?? assert.fail(`no set ${name}`)).flatMap(expand) : [name])
  const allowed = new Set(expand('@default')) // which every filter has
  for (const [, sign, words = ''] of unit.matchAll(/^SystemCallFilter=(~?)(.*)$/gm)) {
    for (const call of words.split(' ').flatMap(expand))
      if (sign) allowed.delete(call)
      else allowed.add(call)
  }
  return [...allowed]
}
