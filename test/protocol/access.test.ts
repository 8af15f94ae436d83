import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Authenticator } from '../../src/access/authenticate.ts'
import type { Grant, Terms } from '../../src/access/grant.ts'
import { compilePolicy, openPolicy, type Policy } from '../../src/access/policy.ts'
import { endpoints } from '../../src/http/v2/routes.ts'
import { digestOf } from '../../src/oci/digest.ts'
import { type Image, imageOf } from '../support/images.ts'
import { type RunningRegistry, startRegistry } from '../support/registry.ts'

const image = imageOf('one')
const other = imageOf('two')
const people = ['nobody', 'reader', 'writer', 'deleter', 'dev', 'keeper'] as const
const anyPassword: Authenticator = {
  realm: 'test realm',
  authenticate: async ({ username, password }) => (password === 'secret' ? { kind: 'account', name: username } : undefined),
  [Symbol.asyncDispose]: async () => undefined,
}

const policyOf = (...terms: readonly Terms[]): Policy =>
  compilePolicy(
    terms.map((one, index): Grant => ({ id: index + 1, ...one })),
    new Map([['readers', ['reader']]]),
  )
const user = (name: string) => ({ kind: 'user', name }) as const
const policy = policyOf(
  { to: { kind: 'anonymous' }, actions: ['pull'], repositories: 'public/**' },
  { to: { kind: 'group', name: 'readers' }, actions: ['pull'], repositories: 'team/**' },
  { to: user('writer'), actions: ['push'], repositories: 'team/**' },
  { to: user('deleter'), actions: ['delete'], repositories: 'team/**' },
  { to: user('dev'), actions: ['push', 'delete'], repositories: 'team/**', tags: 'dev-*' },
  { to: user('keeper'), actions: ['push'], repositories: 'team/**', isCreateOnly: true },
)

type Who = 'anonymous' | (typeof people)[number]
const login = (who: Who) => (who === 'anonymous' ? {} : { authorization: `Basic ${Buffer.from(`${who}:secret`).toString('base64')}` })

interface Guarded extends AsyncDisposable {
  readonly registry: RunningRegistry
  readonly access: { policy: Policy }
}

/** A registry that was filled before its first grant. */
async function startGuarded(...repositories: readonly string[]): Promise<Guarded> {
  const access = { policy: openPolicy }
  const registry = await startRegistry({ access, authenticator: anyPassword })
  for (const repository of repositories) await fill(registry, repository, image)
  access.policy = policy
  return { registry, access, [Symbol.asyncDispose]: () => registry[Symbol.asyncDispose]() }
}

async function fill(registry: RunningRegistry, repository: string, { blobs, manifest }: Image, tag = 'v1'): Promise<void> {
  for (const body of blobs) await registry.send('POST', `/v2/${repository}/blobs/uploads/?digest=${digestOf(body)}`, { body, headers: login('writer') })
  assert.equal((await put(registry, 'writer', `/v2/${repository}/manifests/${tag}`, { manifest })).status, 201)
}

const put = (registry: RunningRegistry, who: Who, path: string, { manifest }: Pick<Image, 'manifest'>) =>
  registry.send('PUT', path, { body: manifest, headers: { 'content-type': 'application/vnd.oci.image.manifest.v1+json', ...login(who) } })

// For each endpoint, who is let through; `tag` and `digest` where the reference makes a difference.
const READERS: readonly Who[] = ['reader', 'writer', 'dev', 'keeper']
const PUSHERS: readonly Who[] = ['writer', 'dev', 'keeper']
const everyone: readonly Who[] = people
const expected: Readonly<Record<string, readonly Who[]>> = {
  'GET /v2/': everyone,
  'GET /v2/_catalog': ['anonymous', ...everyone],
  'POST /v2/<name>/blobs/uploads/': PUSHERS,
  'GET /v2/<name>/blobs/uploads/<session>': PUSHERS,
  'PATCH /v2/<name>/blobs/uploads/<session>': PUSHERS,
  'PUT /v2/<name>/blobs/uploads/<session>': PUSHERS,
  'DELETE /v2/<name>/blobs/uploads/<session>': PUSHERS,
  'GET /v2/<name>/blobs/<digest>': READERS,
  'DELETE /v2/<name>/blobs/<digest>': ['deleter'],
  'GET /v2/<name>/manifests/<reference>': READERS,
  'PUT /v2/<name>/manifests/<reference>': ['writer', 'keeper'],
  'DELETE /v2/<name>/manifests/<reference>': ['deleter'],
  'GET /v2/<name>/tags/list': READERS,
  'GET /v2/<name>/referrers/<digest>': READERS,
}

test('every endpoint lets through whom the grants say, whether what it is about is there or not, and nobody else', async () => {
  await using guarded = await startGuarded('team/app')
  const { registry } = guarded
  assert.deepEqual(endpoints.map(({ method, path }) => `${method} ${path}`).sort(), Object.keys(expected).sort())
  for (const { method, path } of endpoints) {
    const methods = method === 'GET' ? ['GET', 'HEAD'] : [method]
    for (const sent of methods) {
      for (const name of ['team/app', 'team/nothing']) {
        const target = path
          .replace('<name>', name)
          .replace('<digest>', `sha256:${'0'.repeat(64)}`)
          .replace('<reference>', 'v1')
          .replace('<session>', 'none')
        for (const who of ['anonymous', ...people] as const) {
          // A manifest that is refused for what it is was let through.
          const { status, codes, headers } = await registry.send(sent, target, { headers: login(who), ...(sent === 'PUT' && { body: '{}' }) })
          const isRefused = expected[`${method} ${path}`]?.includes(who) !== true
          const refusal = who === 'anonymous' ? 401 : 403
          assert.equal(status === refusal, isRefused, `${who} ${sent} ${target}: ${status}`)
          if (!isRefused) continue
          if (sent !== 'HEAD') assert.deepEqual(codes, [who === 'anonymous' ? 'UNAUTHORIZED' : 'DENIED'])
          assert.equal(headers['www-authenticate'], who === 'anonymous' ? 'Basic realm="test realm"' : undefined)
        }
      }
    }
  }
})

test('a refusal is the same to the byte for what is there and what is not', async () => {
  await using guarded = await startGuarded('secret/app')
  const { registry } = guarded
  const ask = async (path: string) => (await registry.get(path, login('reader'))).text.replaceAll(/app|not/g, '…')
  for (const end of ['manifests/v1', `blobs/${image.digest}`, 'tags/list']) assert.equal(await ask(`/v2/secret/app/${end}`), await ask(`/v2/secret/not/${end}`))
  const { errors } = (await registry.get('/v2/secret/app/manifests/v1', login('reader'))).json<{ errors: { message: string; detail: { hint: string } }[] }>()
  assert.equal(errors[0]?.message, 'reader may not pull secret/app:v1')
  assert.match(errors[0]?.detail.hint ?? '', /lacre access why reader pull secret\/app:v1$/)
})

test('whoever shows no password pulls what is public, and is asked for one elsewhere', async () => {
  await using guarded = await startGuarded('public/app', 'team/app')
  const { registry } = guarded
  const empty = { authorization: `Basic ${Buffer.from(':').toString('base64')}` }
  const wrong = { authorization: `Basic ${Buffer.from('reader:wrong').toString('base64')}` }
  const layer = registry.get(`/v2/public/app/blobs/${JSON.parse(image.manifest.toString()).layers[0].digest}`)
  assert.equal((await layer).status, 200)
  for (const [headers, status] of [
    [{}, 200],
    [empty, 200],
    [login('nobody'), 200],
    [wrong, 401],
  ] as const)
    assert.equal((await registry.get('/v2/public/app/manifests/v1', headers)).status, status)
  assert.equal((await registry.get('/v2/', {})).status, 401)
  assert.equal((await registry.get('/v2/team/app/manifests/v1')).status, 401)
  assert.equal((await put(registry, 'anonymous', '/v2/public/app/manifests/v2', image)).status, 401)
  assert.deepEqual((await registry.get('/v2/_catalog')).json(), { repositories: ['public/app'] })
  assert.deepEqual((await registry.send('OPTIONS', '/v2/public/app/manifests/v1')).status, 401)
})

test('the catalog has the repositories that its reader may pull, by pages that hold as many as asked for', async () => {
  const hidden = Array.from({ length: 30 }, (_, index) => `team/x${index}`)
  const shown = ['public/a', 'public/b', 'public/c', 'public/d/e', 'public/z']
  await using guarded = await startGuarded(...hidden, 'a', 'zz', ...shown)
  const { registry } = guarded
  const catalog = async (who: Who, n: number) => {
    const pages: string[][] = []
    for (let next: string | undefined = `/v2/_catalog?n=${n}`; next; ) {
      const reply = await registry.get(next, login(who))
      pages.push(reply.json<{ repositories: string[] }>().repositories)
      next = /^<(\/v2\/[^>]+)>; rel="next"$/.exec(String(reply.headers['link'] ?? ''))?.[1]
    }
    return pages
  }
  for (const who of ['anonymous', 'nobody'] as const) {
    assert.deepEqual(await catalog(who, 2), [['public/a', 'public/b'], ['public/c', 'public/d/e'], ['public/z']])
    assert.deepEqual(await catalog(who, 5), [shown])
  }
  assert.deepEqual((await catalog('reader', 7)).flat(), [...shown, ...hidden.toSorted()])
  assert.deepEqual((await registry.get('/v2/_catalog?last=public/b&n=1', login('nobody'))).json(), { repositories: ['public/c'] })
})

test('tags are pushed and deleted by whom their pattern lets, and never moved by those who may only make them', async () => {
  await using guarded = await startGuarded('team/app')
  const { registry } = guarded
  const status = async (who: Who, tag: string, pushed = image) => (await put(registry, who, `/v2/team/app/manifests/${tag}`, pushed)).status
  await fill(registry, 'team/app', other, 'other')
  assert.deepEqual([await status('dev', 'dev-1'), await status('dev', 'v2'), await status('dev', image.digest)], [201, 403, 201])
  assert.equal((await put(registry, 'dev', `/v2/team/app/manifests/${image.digest}?tag=dev-2&tag=v2`, image)).status, 403)
  assert.equal((await put(registry, 'dev', `/v2/team/app/manifests/${image.digest}?tag=dev-2&tag=dev-3`, image)).status, 201)
  assert.deepEqual([await status('keeper', 'v3'), await status('keeper', 'v3'), await status('keeper', 'v3', other)], [201, 201, 403])
  const refused = await put(registry, 'keeper', '/v2/team/app/manifests/v3', other)
  assert.equal(refused.json<{ errors: { message: string }[] }>().errors[0]?.message, 'the tag team/app:v3 is there already and may not be moved')
  assert.deepEqual([await status('writer', 'v3', other), await status('keeper', 'v4', other)], [201, 201])
  const remove = async (who: Who, reference: string) => (await registry.send('DELETE', `/v2/team/app/manifests/${reference}`, { headers: login(who) })).status
  assert.deepEqual(
    [await remove('dev', 'v4'), await remove('dev', 'dev-1'), await remove('dev', image.digest), await remove('keeper', 'v4')],
    [403, 202, 403, 403],
  )
  assert.deepEqual((await registry.get('/v2/team/app/tags/list', login('reader'))).json(), {
    name: 'team/app',
    tags: ['dev-2', 'dev-3', 'other', 'v1', 'v3', 'v4'],
  })
})

test('of two pushes that make the same tag at once, by those who may only make tags, one is refused', async () => {
  await using guarded = await startGuarded('team/app')
  const { registry } = guarded
  await fill(registry, 'team/app', other, 'other')
  const replies = await Promise.all([image, other].map((one) => put(registry, 'keeper', '/v2/team/app/manifests/new', one)))
  assert.deepEqual(replies.map(({ status }) => status).sort(), [201, 403])
})

test('a mount from what its sender may not pull is an upload, as from what is not there', async () => {
  await using guarded = await startGuarded('secret/app', 'public/app')
  const { registry, access } = guarded
  const layer = JSON.parse(image.manifest.toString()).layers[0].digest as string
  const mount = async (from: string) => (await registry.send('POST', `/v2/team/new/blobs/uploads/?mount=${layer}${from}`, { headers: login('writer') })).status
  assert.deepEqual([await mount('&from=secret/app'), await mount('&from=secret/not'), await mount('')], [202, 202, 202])
  assert.equal(await mount('&from=public/app'), 201)
  access.policy = policyOf({ to: user('writer'), actions: ['push'], repositories: '**' })
  assert.equal((await registry.send('POST', `/v2/team/newer/blobs/uploads/?mount=${layer}`, { headers: login('writer') })).status, 201)
})

test('a grant counts from the next request on, and one that is taken back no more', async () => {
  await using guarded = await startGuarded('a')
  const { registry, access } = guarded
  const status = async () => (await registry.get('/v2/a/manifests/v1', login('nobody'))).status
  assert.equal(await status(), 403)
  access.policy = policyOf({ to: user('nobody'), actions: ['pull'], repositories: 'a' })
  assert.equal(await status(), 200)
  access.policy = policyOf({ to: user('nobody'), actions: ['pull'], repositories: 'a', until: Date.now() })
  assert.equal(await status(), 403)
  access.policy = policyOf({ to: user('nobody'), actions: ['pull'], repositories: 'a', from: '10.0.0.0/8' })
  assert.equal(await status(), 403)
  access.policy = policyOf({ to: user('nobody'), actions: ['pull'], repositories: 'a', from: '127.0.0.0/8' })
  assert.equal(await status(), 200)
})

test('where nobody can log in, the grants are about anonymous, and a refusal asks for no password', async () => {
  await using registry = await startRegistry({ access: { policy: policyOf({ to: { kind: 'anonymous' }, actions: ['pull'], repositories: '**' }) } })
  assert.equal((await registry.get('/v2/')).status, 200)
  const refused = await registry.send('POST', '/v2/a/blobs/uploads/')
  assert.deepEqual([refused.status, refused.codes, refused.headers['www-authenticate']], [403, ['DENIED'], undefined])
  assert.equal((await registry.get('/v2/a/manifests/v1')).status, 404)
})
