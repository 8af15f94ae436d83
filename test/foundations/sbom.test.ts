import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { runCommand } from './support/command.ts'
import { checkout } from './support/planted-project.ts'

interface LockedPackage {
  readonly version?: string
  readonly dev?: boolean
  readonly hasInstallScript?: boolean
  readonly os?: readonly string[]
  readonly cpu?: readonly string[]
}

test('npm run sbom lists everything that is installed for production, and no tools', async () => {
  const { code, stdout } = await runCommand('npm', ['run', '--silent', 'sbom'], { cwd: checkout })
  assert.equal(code, 0)
  const bill = JSON.parse(stdout) as { bomFormat: string; components: { purl: string; licenses?: unknown[] }[] }
  assert.equal(bill.bomFormat, 'CycloneDX')
  const listed = new Set(bill.components.map(({ purl }) => decodeURIComponent(purl)))
  const locked = await readLock()
  const nameOf = (path: string, { version }: LockedPackage) => `pkg:npm/${path.split('node_modules/').at(-1)}@${version}`
  const needed = locked.filter(([, { dev, os, cpu }]) => !dev && !os && !cpu).map(([path, facts]) => nameOf(path, facts))
  const tools = locked.filter(([, { dev }]) => dev).map(([path, facts]) => nameOf(path, facts))
  assert.ok(needed.length > 10 && tools.length > 10)
  assert.deepEqual(
    needed.filter((name) => !listed.has(name)),
    [],
  )
  assert.deepEqual(
    tools.filter((name) => listed.has(name) && !needed.includes(name)),
    [],
  )
  assert.ok(
    [...listed].some((name) => name.startsWith('pkg:npm/node-linux-')),
    'the Node that is brought along',
  )
})

test('nothing that is installed runs a script of its own then', async () => {
  const running = (await readLock()).filter(([, { hasInstallScript }]) => hasInstallScript)
  assert.deepEqual(running, [])
})

async function readLock(): Promise<[path: string, facts: LockedPackage][]> {
  const lock = JSON.parse(await readFile(join(checkout, 'package-lock.json'), 'utf8')) as { packages: Record<string, LockedPackage> }
  return Object.entries(lock.packages).filter(([path]) => path !== '')
}
