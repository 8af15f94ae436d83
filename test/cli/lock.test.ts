import assert from 'node:assert/strict'
import { readdirSync, readlinkSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { imageOf } from '../support/images.ts'
import { lacre, Workplace } from './support/lacre.ts'
import { pushTo } from './support/push.ts'

const image = imageOf('first')

test('a second server refuses, names the first, and the first serves on', async () => {
  await using place = await Workplace.make()
  const first = await place.serve()
  const second = await lacre(['serve', await place.configuration()])
  assert.equal(second.status, 1)
  assert.match(second.stderr, new RegExp(`the volume ${place.data} is in use by process ${first.process.pid} on `))
  assert.match(second.stderr, /^hint: .*strategy: Recreate/m)
  assert.equal((await (await first.client()).get('/v2/')).status, 200)
})

test('commands reach the volume through the server that holds it, which holds it still afterwards', async () => {
  await using place = await Workplace.make()
  const server = await place.serve()
  await pushTo(await server.client(), 'team/app', image, 'a', 'b')
  const data = ['--data', place.data]
  const commands: readonly (readonly [string[], number, RegExp])[] = [
    [['repo', 'list', ...data], 0, /^team\/app\n$/],
    [['tag', 'list', 'team/app', ...data], 0, /^a\nb\n$/],
    [['check', '--bytes', ...data], 0, /everything is in order/],
    [['gc', '--grace', '0', '--delete-untagged', ...data], 0, /0 manifests, 0 links and 0 blobs \(0 B\) removed/],
    [['reindex', ...data], 0, /1 repositories indexed/],
    [['upload', 'purge', '--age', '0', ...data], 0, /0 uploads removed/],
    [['tag', 'list', 'nobody', ...data], 1, /^$/],
  ]
  for (const [args, status, output] of commands) {
    const done = await lacre(args)
    assert.deepEqual([args, done.status], [args, status], done.stderr)
    assert.match(done.stdout, output)
  }
  const descriptors = readdirSync(`/proc/${server.process.pid}/fd`).map((fd) => readlinkSync(`/proc/${server.process.pid}/fd/${fd}`))
  assert.equal(descriptors.filter((path) => path === join(place.data, 'lacre/state/lock.db')).length, 1)
  assert.equal((await lacre(['serve', await place.configuration()])).status, 1)
})

test('after kill -9 a server starts at once, and what was pushed is there', async () => {
  await using place = await Workplace.make()
  const first = await place.serve()
  await pushTo(await first.client(), 'team/app', image, 'latest')
  await first.end('SIGKILL')
  const local = await lacre(['tag', 'list', 'team/app', '--data', place.data])
  assert.deepEqual([local.status, local.stdout], [0, 'latest\n'])
  const second = await place.serve()
  assert.equal((await (await second.client()).get('/v2/team/app/manifests/latest')).text, image.manifest.toString())
})

test('with its lock file gone a server writes nothing any more: pushes get 503, pulls go on, and it is not ready', async () => {
  await using place = await Workplace.make()
  const server = await place.serve()
  const client = await server.client()
  await pushTo(client, 'team/app', image, 'latest')
  await rm(join(place.data, 'lacre/state/lock.db'))
  await server.says(/nothing is written any more/)
  const put = await client.send('PUT', '/v2/team/app/manifests/more', { body: image.manifest })
  assert.deepEqual([put.status, put.codes], [503, ['UNAVAILABLE']])
  assert.equal((await client.send('POST', '/v2/team/app/blobs/uploads/')).status, 503)
  assert.equal((await client.send('DELETE', `/v2/team/app/manifests/${image.digest}`)).status, 503)
  assert.equal((await client.get('/v2/team/app/manifests/latest')).status, 200)
  assert.equal((await client.get('/readyz')).status, 503)
  assert.equal((await lacre(['repo', 'list', '--data', place.data])).status, 0)
})
