import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { chmod, lstat, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join, relative } from 'node:path'
import { test } from 'node:test'
import fc from 'fast-check'
import { applyChanges, recoverInterrupted, undoLastRun } from './apply-plan.ts'
import { findChanges } from './changes.ts'
import { OnboardingError } from './onboarding-error.ts'
import type { Step } from './steps.ts'

/** A folder to work in, and a journal outside of it. */
async function openPlace(): Promise<AsyncDisposable & { readonly root: string; readonly journal: string; at(name: string): string }> {
  const folder = await mkdtemp(join(tmpdir(), 'lacre-plan-'))
  const root = join(folder, 'root')
  await mkdir(root)
  const remove = () => rm(folder, { recursive: true, force: true })
  return { root, journal: join(folder, 'journal'), at: (name) => join(root, name), [Symbol.asyncDispose]: remove }
}

/** Everything in a folder: kind, mode and content, by path. */
async function readTree(root: string): Promise<Record<string, string>> {
  const names = await readdir(root, { recursive: true })
  const entries = names.sort().map(async (name) => {
    const [path, about] = [join(root, name), await lstat(join(root, name))]
    const content = about.isFile() ? await readFile(path, 'utf8') : about.isDirectory() ? '/' : '->'
    return [name, `${(about.mode & 0o7777).toString(8)} ${content}`]
  })
  return Object.fromEntries(await Promise.all(entries))
}

async function carryOut(steps: readonly Step[], journal: string, title = 'a test'): Promise<void> {
  await applyChanges(await findChanges(steps), { journal, title })
}

const file = (path: string, text: string, mode = 0o644): Step => ({ kind: 'file', path, text, mode })

test('what steps say is made, with missing parents, whatever the umask', async () => {
  await using place = await openPlace()
  const before = process.umask(0o077)
  await carryOut(
    [{ kind: 'folder', path: place.at('keys'), mode: 0o700 }, file(place.at('keys/a.key'), 'k', 0o400), file(place.at('x/y/a.crt'), 'c', 0o444)],
    place.journal,
  )
  process.umask(before)
  assert.deepEqual(await readTree(place.root), { keys: '700 /', 'keys/a.key': '400 k', x: '755 /', 'x/y': '755 /', 'x/y/a.crt': '444 c' })
})

test('a second time there is nothing to do, and nothing is recorded', async () => {
  await using place = await openPlace()
  const steps: Step[] = [
    file(place.at('a'), 'a'),
    { kind: 'json', path: place.at('b.json'), mode: 0o644, set: () => ({ k: 1 }) },
    { kind: 'removal', path: place.at('c') },
  ]
  await carryOut(steps, place.journal)
  assert.deepEqual(await findChanges(steps), [])
  await carryOut(steps, place.journal)
  assert.equal((await readdir(place.journal)).length, 1)
})

test('what a link points to is changed, and the link stays', async () => {
  await using place = await openPlace()
  await writeFile(place.at('target'), 'old')
  await symlink('target', place.at('link'))
  await carryOut([file(place.at('link'), 'new')], place.journal)
  assert.equal(await readFile(place.at('target'), 'utf8'), 'new')
  assert.ok((await lstat(place.at('link'))).isSymbolicLink())
})

const obstacles: readonly [string, (at: (name: string) => string) => Promise<unknown>, (at: (name: string) => string) => Step, RegExp][] = [
  ['a folder where a file is meant', (at) => mkdir(at('a')), (at) => file(at('a'), 'x'), /root\/a is a folder, and a file is meant/],
  ['a file where a folder is meant', (at) => writeFile(at('a'), ''), (at) => ({ kind: 'folder', path: at('a'), mode: 0o755 }), /root\/a is a file/],
  ['a file on the way', (at) => writeFile(at('a'), ''), (at) => file(at('a/b/c'), 'x'), /root\/a is a file, and a folder is needed there/],
  ['a folder to be removed as a file', (at) => mkdir(at('a')), (at) => ({ kind: 'removal', path: at('a') }), /root\/a is a folder/],
  ['a link to nothing', (at) => symlink('nowhere', at('a')), (at) => file(at('a'), 'x'), /root\/a is a symbolic link to nothing/],
  [
    'a broken JSON file',
    (at) => writeFile(at('a'), '{'),
    (at) => ({ kind: 'json', path: at('a'), mode: 0o644, set: () => ({ k: 1 }) }),
    /root\/a is not valid JSON/,
  ],
]
for (const [what, obstruct, step, message] of obstacles) {
  test(`${what} is named, and nothing is done`, async () => {
    await using place = await openPlace()
    await obstruct(place.at)
    const before = await readTree(place.root)
    await assert.rejects(carryOut([file(place.at('first'), 'x'), step(place.at)], place.journal), (error: OnboardingError) => {
      assert.match(error.message, message)
      return error.hint !== ''
    })
    assert.deepEqual(await readTree(place.root), before)
  })
}

test('when a step fails, those before it are undone', async () => {
  await using place = await openPlace()
  await writeFile(place.at('a'), 'old')
  const before = await readTree(place.root)
  const steps: Step[] = [
    file(place.at('a'), 'new'),
    file(place.at('d/b'), 'b'),
    { kind: 'command', words: ['sh', '-c', 'echo full >&2; exit 3'], undo: ['touch', place.at('wrong')] },
  ]
  await assert.rejects(carryOut(steps, place.journal), { message: /^sh -c failed: full$/ })
  assert.deepEqual(await readTree(place.root), before)
  assert.equal(await undoLastRun(place.journal), undefined)
})

test('a command is taken back by its own opposite', async () => {
  await using place = await openPlace()
  await carryOut([{ kind: 'command', words: ['touch', place.at('made')], undo: ['rm', place.at('made')] }], place.journal)
  assert.deepEqual(Object.keys(await readTree(place.root)), ['made'])
  assert.deepEqual((await undoLastRun(place.journal))?.left, [])
  assert.deepEqual(await readTree(place.root), {})
})

test('runs are undone one after another, the newest first', async () => {
  await using place = await openPlace()
  for (const text of ['one', 'two']) await carryOut([file(place.at('a'), text)], place.journal, text)
  assert.equal((await undoLastRun(place.journal))?.title, 'two')
  assert.equal(await readFile(place.at('a'), 'utf8'), 'one')
  assert.equal((await undoLastRun(place.journal))?.title, 'one')
  assert.equal(await undoLastRun(place.journal), undefined)
  assert.deepEqual([await readTree(place.root), await readdir(dirname(place.journal))], [{}, ['root']])
})

test('what somebody has changed since stays, and is named', async () => {
  await using place = await openPlace()
  await carryOut([file(place.at('a'), 'ours'), file(place.at('d/b'), 'ours')], place.journal)
  await writeFile(place.at('a'), 'theirs')
  await writeFile(place.at('d/c'), 'theirs')
  const undone = await undoLastRun(place.journal)
  assert.deepEqual(
    undone?.left.map(({ what }) => relative(place.root, what)),
    ['d', 'a'],
  )
  assert.deepEqual(Object.keys(await readTree(place.root)), ['a', 'd', 'd/c'])
})

test('of a JSON file that somebody has changed since, our own keys are taken back', async () => {
  await using place = await openPlace()
  await writeFile(place.at('a.json'), '{"mine": 1, "tls": false}')
  await carryOut([{ kind: 'json', path: place.at('a.json'), mode: 0o644, set: () => ({ tls: true, hosts: ['x'] }) }], place.journal)
  await writeFile(place.at('a.json'), '{"mine": 2, "tls": true, "hosts": ["x"], "theirs": 3}')
  assert.deepEqual((await undoLastRun(place.journal))?.left, [])
  assert.equal(await readFile(place.at('a.json'), 'utf8'), '{"mine": 2, "tls": false, "theirs": 3}')
})

test('the journal keeps no copy of a new private key, and only its owner can read it', async () => {
  await using place = await openPlace()
  await carryOut([file(place.at('a.key'), 'BEGIN PRIVATE KEY', 0o400)], place.journal)
  const [name = ''] = await readdir(place.journal)
  assert.doesNotMatch(await readFile(join(place.journal, name), 'utf8'), /PRIVATE KEY|UFJJVkFURSBLRVk/)
  assert.deepEqual([(await lstat(place.journal)).mode & 0o777, (await lstat(join(place.journal, name))).mode & 0o777], [0o700, 0o600])
})

test('a journal inside the folder that is made goes with it', async () => {
  await using place = await openPlace()
  const journal = place.at('ca/.changes')
  await carryOut([{ kind: 'folder', path: place.at('ca'), mode: 0o750 }, file(place.at('ca/a'), 'a')], journal)
  assert.equal((await readTree(place.root))['ca'], '750 /')
  assert.deepEqual((await undoLastRun(journal))?.left, [])
  assert.deepEqual(await readTree(place.root), {})
})

/** Carries steps out in a process of its own, which is killed where the steps say so. */
async function carryOutElsewhere(steps: readonly object[], journal: string): Promise<void> {
  const script = `
    import { applyChanges } from ${JSON.stringify(import.meta.resolve('./apply-plan.ts'))}
    import { findChanges } from ${JSON.stringify(import.meta.resolve('./changes.ts'))}
    const steps = ${JSON.stringify(steps)}.map((step) => step.keys ? { ...step, set: () => step.keys } : step)
    await applyChanges(await findChanges(steps), { journal: ${JSON.stringify(journal)}, title: 'killed' })`
  await new Promise((resolve) => execFile(process.execPath, ['--input-type=module', '--eval', script], resolve))
}

const KILL = { kind: 'command', words: ['sh', '-c', 'kill -9 $PPID'] } as const

for (const position of [0, 1, 2, 3, 4, 5]) {
  test(`a run that is killed after ${position} steps is undone by the next one, which then does its own`, async () => {
    await using place = await openPlace()
    await writeFile(place.at('a.json'), '{"mine": 1}')
    await writeFile(place.at('b'), 'old')
    await chmod(place.at('b'), 0o640)
    const before = await readTree(place.root)
    const steps = [
      { kind: 'json', path: place.at('a.json'), mode: 0o644, keys: { tls: true } },
      { kind: 'file', path: place.at('b'), mode: 0o400, text: 'new' },
      { kind: 'folder', path: place.at('d'), mode: 0o700 },
      { kind: 'file', path: place.at('d/e/c'), mode: 0o444, text: 'c' },
      { kind: 'removal', path: place.at('b') },
    ]
    await carryOutElsewhere([...steps.slice(0, position), KILL, ...steps.slice(position)], place.journal)
    assert.deepEqual([(await readdir(place.journal)).length, position === 0], [1, JSON.stringify(await readTree(place.root)) === JSON.stringify(before)])
    await writeFile(place.at('b.lacre-new'), 'half a fi') // a file whose writing was cut off

    assert.equal((await recoverInterrupted(place.journal))?.title, 'killed')
    assert.deepEqual(await readTree(place.root), before)
    await carryOutElsewhere(steps, place.journal)
    assert.deepEqual(Object.keys(await readTree(place.root)), ['a.json', 'd', 'd/e', 'd/e/c'])
    await undoLastRun(place.journal)
    assert.deepEqual(await readTree(place.root), before)
  })
}

test('a run that is still at work is not taken for one that was killed', async () => {
  await using place = await openPlace()
  await carryOut([file(place.at('a'), 'a')], place.journal)
  const path = join(place.journal, '0001.json')
  await writeFile(path, (await readFile(path, 'utf8')).replace('"isDone": true', '"isDone": false').replace(/"pid": \d+/, `"pid": ${process.ppid}`))
  await assert.rejects(carryOut([file(place.at('a'), 'b')], place.journal), { message: /another lacre \(process \d+\) is at work/ })
})

test('of runs at once each does all or nothing, and is undone', async () => {
  await using place = await openPlace()
  await Promise.all(['one', 'two', 'three'].map((text) => carryOutElsewhere([file(place.at('a'), text), file(place.at('b'), text)], place.journal)))
  const { a, b } = await readTree(place.root)
  assert.ok(a !== undefined && a === b)
  while (await undoLastRun(place.journal));
  assert.deepEqual(await readTree(place.root), {})
})

const name = fc.constantFrom('a', 'b', 'd', 'd/a', 'd/e/c')
const mode = fc.constantFrom(0o400, 0o644, 0o755, 0o700)
const initial = fc.dictionary(name, fc.record({ text: fc.constantFrom('{}', '{"k": 0, "l": 1}', 'text'), mode }))
const plannedSteps = fc.array(
  fc.oneof(
    fc.record({ kind: fc.constant('file' as const), path: name, mode, text: fc.constantFrom('', 'one', '{}') }),
    fc.record({ kind: fc.constant('folder' as const), path: name, mode: fc.constantFrom(0o755, 0o700), isExact: fc.boolean() }),
    fc.record({ kind: fc.constant('removal' as const), path: name }),
    fc.record({ kind: fc.constant('json' as const), path: name, mode, set: fc.constant(() => ({ k: [1] })) }),
  ),
  { maxLength: 5 },
)

test('whatever is applied is undone exactly', async () => {
  await using place = await openPlace()
  const check = fc.asyncProperty(initial, plannedSteps, async (files, steps) => {
    for (const entry of await readdir(place.root)) await rm(place.at(entry), { recursive: true })
    for (const [path, { text, mode }] of Object.entries(files)) {
      await mkdir(dirname(place.at(path)), { recursive: true }).catch(() => undefined)
      await writeFile(place.at(path), text, { mode }).catch(() => undefined) // a file where the folder of another would be
    }
    const before = await readTree(place.root)
    const here = steps.map((step) => ({ ...step, path: place.at(step.path) }))
    try {
      await carryOut(here, place.journal)
    } catch (error) {
      assert.ok(error instanceof OnboardingError, String(error))
    }
    assert.deepEqual((await undoLastRun(place.journal))?.left ?? [], [])
    assert.deepEqual(await readTree(place.root), before)
  })
  await fc.assert(check, { numRuns: 200 })
})
