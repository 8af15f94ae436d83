import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { hashSync } from '@node-rs/bcrypt'
import type { Client } from '../support/http-client.ts'
import { type Finished, lacre, type Server, Workplace } from './support/lacre.ts'

/** A registry with users, of whom each has its name as password, and its command line. */
async function serveUsers(place: Workplace, ...users: readonly string[]): Promise<Server> {
  const htpasswd = join(place.folder, 'htpasswd')
  await writeFile(htpasswd, users.map((name) => `${name}:${hashSync(name, 4)}\n`).join(''))
  return place.serve(`auth: {htpasswd: {realm: test, path: ${htpasswd}}}`)
}

const runIn = (place: Workplace) => (command: string, input?: string) =>
  lacre([...command.split(' '), '--data', place.data], input === undefined ? {} : { input })
const statusOf = async (client: Client, user: string, path = '/v2/team/app/tags/list', method = 'GET') =>
  (await client.send(method, path, { headers: user ? { authorization: `Basic ${Buffer.from(`${user}:${user}`).toString('base64')}` } : {} })).status
const START = '/v2/team/app/blobs/uploads/'

test('the commands grant, explain and take back, and a running server follows at once', async () => {
  await using place = await Workplace.make()
  const server = await serveUsers(place, 'alice', 'bob')
  const client = await server.client()
  const run = runIn(place)
  assert.equal((await run('access list')).stdout, 'no grants: whoever is let in may do everything\n')
  assert.deepEqual(await run('group add ci'), { status: 0, stdout: 'group ci made\n', stderr: '' })
  assert.equal((await run('group join ci alice robot')).stderr, 'note: there is no user robot yet: add one with "lacre user add robot"\n')
  assert.deepEqual([await statusOf(client, 'bob', START, 'POST'), await statusOf(client, '', START, 'POST')], [202, 401])

  const first = await run('access allow ci push team/**')
  assert.equal(first.stdout, 'grant 2: group ci, push, team/**\n')
  assert.match(first.stderr, /^note: the first grant: .*grant 1 \(users, pull,push,delete, \*\*\).*lacre access revoke 1/)
  assert.equal(await statusOf(client, 'bob', START, 'POST'), 202)
  assert.equal((await run('access revoke 1')).stdout, 'grant 1 taken back: users, pull,push,delete, **\n')
  assert.deepEqual([await statusOf(client, 'bob', START, 'POST'), await statusOf(client, 'alice', START, 'POST')], [403, 202])

  assert.equal((await run('access why alice push team/app')).stdout, 'allowed by grant 2 (group ci, push, team/**)\n')
  assert.equal(
    (await run('access why bob push team/app')).stdout,
    'denied: nothing allows it; nearest: grant 2 (group ci, push, team/**), but it is for others\n',
  )
  assert.equal((await run('group leave ci alice')).stdout, 'ci: robot\n')
  assert.equal(await statusOf(client, 'alice', START, 'POST'), 403)

  await run('access allow anonymous pull team/*')
  assert.deepEqual([await statusOf(client, ''), await statusOf(client, '', START, 'POST')], [404, 401])
  assert.equal(
    (await run('access allow bob push team/app --tag dev-* --from 127.0.0.0/8')).stdout,
    'grant 4: user bob, push, team/app (tags dev-*, from 127.0.0.0/8)\n',
  )
  assert.equal(await statusOf(client, 'bob', START, 'POST'), 202)
  assert.equal((await run('access allow bob push team/app --tag dev-* --from 127.0.0.0/8')).stderr, 'note: it was there already\n')

  await server.end()
  const grants = JSON.parse((await run('access list --json')).stdout) as { id: number; principal: string }[]
  assert.deepEqual(
    grants.map(({ id, principal }) => [id, principal]),
    [
      [2, 'group:ci'],
      [3, 'anonymous'],
      [4, 'user:bob'],
    ],
  )
  const again = await place.start(['serve', join(place.folder, 'config.yml')])
  assert.deepEqual([await statusOf(await again.client(), 'bob', START, 'POST'), await statusOf(await again.client(), 'alice', START, 'POST')], [202, 403])
})

test('a policy file is applied whole or not at all, and again without a change', async () => {
  await using place = await Workplace.make()
  await (await place.serve()).end()
  const run = runIn(place)
  const file = join(place.folder, 'policy.yml')
  await writeFile(
    file,
    'groups:\n  ci: [jenkins]\ngrants:\n  - {principal: ci, actions: push, repositories: team/**}\n  - {principal: user:old, actions: [pull], repositories: "**"}\n',
  )
  const dry = await run(`access apply ${file} --dry-run`)
  const changes = '+ group ci\n+ jenkins in ci\n+ grant group ci, push, team/**\n+ grant user old, pull, **\n'
  assert.equal(dry.stdout, `Nothing is done yet. This would be:\n${changes}`)
  assert.equal((await run(`access apply ${file}`)).stdout, changes)
  assert.equal((await run(`access apply ${file}`)).stdout, 'the policy is so already: nothing to change\n')

  const exported = (await run('access export')).stdout
  assert.equal((await run('access apply -', exported)).stdout, 'the policy is so already: nothing to change\n')
  const smaller = exported.replace(/ {2}- principal: user:old.*$/s, '')
  assert.equal((await run('access apply -', smaller)).stdout, '- grant 2: user old, pull, **\n')

  const broken = 'groups: {ci: jenkins, "a:b": []}\nusers: {}\ngrants:\n  - {principal: ops, actions: write, repositories: //}\n  - nothing\n'
  const refused = await run('access apply -', broken)
  assert.equal(refused.status, 1)
  assert.match(
    refused.stderr,
    /7 mistakes:.*groups\.ci: .*groups\.a:b: .*grants\[0\]: there is no group "ops".*no action "write".*matches nothing.*grants\[1\]: /s,
  )
  assert.match((await run('access apply -', 'grants: [')).stderr, /is no YAML.*nothing was changed/s)
  assert.match((await run('access apply -', 'groups: {}')).stderr, /whoever is let in may do everything again\nhint: add --open/)
  assert.equal((await run('access export')).stdout, smaller)
})

test('a table of expected decisions tells which are not so', async () => {
  await using place = await Workplace.make()
  await (await place.serve()).end()
  const run = runIn(place)
  await run('access apply -', 'grants: [{principal: user:alice, actions: push, repositories: team/**, create-only: true}]')
  const right = 'alice push team/app:v1 allow\n\nbob pull team/app deny # not yet\nanonymous pull team/app deny\n'
  assert.deepEqual(await run('access test -', right), { status: 0, stdout: '3 of 3 as expected\n', stderr: '' })
  const wrong = await run('access test -', `${right}alice delete team/app allow\n`)
  assert.equal(wrong.status, 1)
  assert.match(wrong.stdout, /^line 5: alice delete team\/app allow\n {2}but denied: .*not delete\n3 of 4 as expected\n$/)
  assert.match((await run('access test -', 'alice push\nx y z allow\n')).stderr, /line 1: .*line 2: /s)
  assert.match((await run('access why alice push team/app:v1 --overwrites')).stdout, /^denied: .*new tags, and v1 is there\n$/)
})

test('what cannot be is refused with the remedy, and changes nothing', async () => {
  await using place = await Workplace.make()
  await (await place.serve()).end()
  const run = runIn(place)
  await run('access apply -', 'groups: {ci: []}\ngrants: [{principal: ci, actions: pull, repositories: a}]')
  const before = (await run('access export')).stdout
  const refusals: readonly (readonly [string, RegExp])[] = [
    ['access allow ic pull a', /neither a group nor a user "ic".*lacre group add ic/],
    ['access allow group:ic pull a', /no group "ic"/],
    ['access allow ci write a', /no action "write"/],
    ['access allow ci pull Team//x', /matches nothing/],
    ['access allow ci pull a --until 2020-01-01', /ended already/],
    ['access allow ci pull a --from 10.0.0.0/99', /no network/],
    ['access revoke 9', /no grant 9/],
    ['access revoke 1', /add --open/],
    ['access why group:ci pull a', /are many/],
    ['access why alice fly a', /no action "fly"/],
    ['access why alice pull A', /invalid repository name/],
    ['group add ci', /there already/],
    ['group add users', /principal of its own/],
    ['group add a:b', /must not hold/],
    ['group remove ci', /has grants: 1/],
    ['group join ic alice', /lacre group add ic/],
  ]
  for (const [command, reason] of refusals) {
    const { status, stderr }: Finished = await run(command)
    assert.deepEqual([status, stderr.split('\n').length > 1], [1, true], command)
    assert.match(stderr, reason)
  }
  assert.equal((await run('access export')).stdout, before)
  assert.match((await run('access allow ci pull **')).stderr, /note: the pattern \*\* matches every repository/)
  assert.match((await run('access revoke 2')).stdout, /taken back/)
  assert.match((await run('access revoke 1 --open')).stdout, /no grant is left/)
})

test('where the grants cannot be read, nobody is served', async () => {
  await using place = await Workplace.make()
  await (await place.serve()).end()
  await writeFile(join(place.data, 'lacre/state/access.db'), 'no database')
  await assert.rejects(place.serve(), /the grants in .*access\.db cannot be read.*\n?.*restore the file from a backup/)
  await writeFile(join(place.data, 'lacre/state/access.db'), '')
  await (await place.serve()).end()
})

test('a read-only server keeps to the grants, and writes nothing about them', async () => {
  await using place = await Workplace.make()
  await (await place.serve()).end()
  await runIn(place)('access apply -', 'grants: [{principal: anonymous, actions: pull, repositories: public/*}]')
  const server = await place.serve('  maintenance: {readonly: {enabled: true}}')
  const client = await server.client()
  assert.deepEqual([await statusOf(client, '', '/v2/public/app/tags/list'), await statusOf(client, '')], [404, 403])
})
