import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { FilesystemDriver } from './filesystem.ts'
import { inspectLink } from './links.ts'

async function open() {
  const folder = await mkdtemp(join(tmpdir(), 'lacre-filesystem-'))
  return { folder, driver: new FilesystemDriver(folder), [Symbol.asyncDispose]: () => rm(folder, { recursive: true }) }
}

test('links are listed as what they lead to, and as broken where they lead nowhere', async () => {
  await using place = await open()
  await mkdir(join(place.folder, 'folder'))
  await writeFile(join(place.folder, 'file'), '')
  for (const [name, target] of [
    ['to-folder', 'folder'],
    ['to-file', 'file'],
    ['to-nothing', 'gone'],
    ['to-itself', 'to-itself'],
  ] as const) {
    await symlink(target, join(place.folder, name))
  }
  const kinds = Object.fromEntries((await place.driver.list('')).map(({ name, kind }) => [name, kind]))
  const links = { 'to-folder': 'folder', 'to-file': 'file', 'to-nothing': 'broken', 'to-itself': 'broken' }
  assert.deepEqual(kinds, { folder: 'folder', file: 'file', ...links })
})

test('a pipe or a link to itself in the place of a link is damage, and holds nobody up', async () => {
  await using place = await open()
  execFileSync('mkfifo', [join(place.folder, 'pipe')])
  await symlink('loop', join(place.folder, 'loop'))
  for (const path of ['pipe', 'loop']) assert.equal((await inspectLink(place.driver, path)).state, 'damaged')
})
