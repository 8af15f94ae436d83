import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdirSync } from 'node:fs'
import { readdir, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { imageOf } from '../support/images.ts'
import { lacre, Workplace } from './support/lacre.ts'
import { pushTo } from './support/push.ts'

const image = imageOf('first')
const READ_ONLY = '  maintenance: {readonly: {enabled: true}}'

const filesOf = async (folder: string): Promise<string[]> => (await readdir(folder, { recursive: true })).toSorted()

/** A volume as a registry:2 leaves it: without anything of ours. */
async function distributionVolume(): Promise<Workplace> {
  const place = await Workplace.make()
  const server = await place.serve()
  await pushTo(await server.client(), 'team/app', image, 'latest')
  await server.end()
  await rm(join(place.data, 'lacre'), { recursive: true })
  return place
}

async function pullsAndRefusesPushes(place: Workplace): Promise<void> {
  const server = await place.serve(READ_ONLY)
  const client = await server.client()
  assert.equal((await client.get('/v2/team/app/manifests/latest')).text, image.manifest.toString())
  assert.deepEqual((await client.get('/v2/team/app/tags/list')).json(), { name: 'team/app', tags: ['latest'] })
  assert.deepEqual((await client.get('/v2/_catalog')).json(), { repositories: ['team/app'] })
  assert.equal((await client.get('/readyz')).status, 200)
  const push = await client.send('POST', '/v2/team/app/blobs/uploads/')
  assert.deepEqual([push.status, push.codes], [405, ['UNSUPPORTED']])
  assert.match(push.text, /storage\.maintenance\.readonly\.enabled/)
  assert.equal(await server.end(), 0)
}

test('a read-only server serves pulls and lists, and writes nothing to the volume', async () => {
  await using place = await distributionVolume()
  const before = await filesOf(place.data)
  await pullsAndRefusesPushes(place)
  assert.deepEqual(await filesOf(place.data), before)
})

test('a read-only server takes no lock: it serves beside one that writes', async () => {
  await using place = await Workplace.make()
  const writing = await place.serve()
  await pushTo(await writing.client(), 'team/app', image, 'latest')
  await pullsAndRefusesPushes(place)
  await pushTo(await writing.client(), 'team/app', image, 'more')
})

const isRoot = process.getuid?.() === 0

test('a volume that is mounted read-only is served read-only, and says what to set otherwise', { skip: !isRoot && 'only root can mount' }, async (t) => {
  await using place = await distributionVolume()
  const source = join(place.folder, 'source')
  await rename(place.data, source)
  mkdirSync(place.data)
  try {
    execFileSync('mount', ['--bind', source, place.data], { stdio: 'ignore' })
    execFileSync('mount', ['-o', 'remount,bind,ro', place.data], { stdio: 'ignore' })
  } catch {
    return t.skip('this machine does not let us mount')
  }
  try {
    await pullsAndRefusesPushes(place)
    const refused = await lacre(['serve', await place.configuration()])
    assert.equal(refused.status, 1)
    assert.match(refused.stderr, /^lacre: cannot lock .*\nhint: .*storage\.maintenance\.readonly\.enabled/m)
  } finally {
    execFileSync('umount', ['--lazy', place.data])
  }
})
