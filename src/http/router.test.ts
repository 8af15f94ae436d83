import assert from 'node:assert/strict'
import { test } from 'node:test'
import { compileRoutes, parseCaptures } from './router.ts'
import { endpoints } from './v2/routes.ts'

const findRoute = compileRoutes(endpoints)
const hex = 'a'.repeat(64)

for (const [path, route, captures] of [
  ['/v2/', '/v2/', {}],
  ['/v2/_catalog', '/v2/_catalog', {}],
  ['/v2/a/b/tags/list', '/v2/<name>/tags/list', { name: 'a/b' }],
  ['/v2/a/tags/list/tags/list', '/v2/<name>/tags/list', { name: 'a/tags/list' }],
  ['/v2/a/manifests/b/manifests/c', '/v2/<name>/manifests/<reference>', { name: 'a/manifests/b', reference: 'c' }],
  ['/v2/a/blobs/uploads/', '/v2/<name>/blobs/uploads/', { name: 'a' }],
  ['/v2/a/blobs/uploads', '/v2/<name>/blobs/uploads/', { name: 'a' }],
  ['/v2/a/blobs/uploads/x', '/v2/<name>/blobs/uploads/<session>', { name: 'a', session: 'x' }],
  ['/v2/blobs/uploads/blobs/uploads/x', '/v2/<name>/blobs/uploads/<session>', { name: 'blobs/uploads', session: 'x' }],
  [`/v2/a/blobs/uploads/blobs/sha256:${hex}`, '/v2/<name>/blobs/<digest>', { name: 'a/blobs/uploads', digest: `sha256:${hex}` }],
  [`/v2/a/blobs/sha256%3A${hex}`, '/v2/<name>/blobs/<digest>', { name: 'a', digest: `sha256:${hex}` }],
  ['/v2/a%2Fb/tags/list', '/v2/<name>/tags/list', { name: 'a%2Fb' }],
  ['/v2/a%252Fb/tags/list', '/v2/<name>/tags/list', { name: 'a%2Fb' }],
  ['/v2/a%zz/tags/list', '/v2/<name>/tags/list', { name: 'a%zz' }],
  ['/v2/a%0Ab/tags/list', '/v2/<name>/tags/list', { name: 'a\nb' }],
] as const) {
  test(`${path.replace(hex, '…')} is ${route}`, () => {
    const match = findRoute(path)
    assert.equal(match?.route.path, route)
    assert.deepEqual({ ...match?.captures }, captures)
  })
}

for (const path of ['/', '/v2', '/v2/a', '/v2/tags/list', '/v2/a/tags/list/', '/v2/a/manifests/', '/v2/a/manifests/x/y', '/v1/a/tags/list']) {
  test(`${path} is no route`, () => assert.equal(findRoute(path), undefined))
}

test('HEAD is there wherever GET is, by the same row', () => {
  const { route } = findRoute('/v2/a/tags/list') ?? assert.fail('not found')
  assert.ok(route.endpoints.get('GET'))
  assert.equal(route.endpoints.get('HEAD'), route.endpoints.get('GET'))
  assert.equal(findRoute('/v2/a/blobs/uploads/')?.route.endpoints.has('HEAD'), false)
})

test('no two rows have the same method and path', () => {
  const keys = endpoints.map(({ method, path }) => `${method} ${path}`)
  assert.deepEqual(keys, [...new Set(keys)])
})

for (const [captures, code] of [
  [{ name: 'a/../b' }, 'NAME_INVALID'],
  [{ digest: 'sha256:1' }, 'DIGEST_INVALID'],
  [{ reference: '-x' }, 'TAG_INVALID'],
  [{ reference: 'md5:1' }, 'DIGEST_INVALID'],
  [{ session: '..' }, 'BLOB_UPLOAD_UNKNOWN'],
  [{ session: 'a/b' }, 'BLOB_UPLOAD_UNKNOWN'],
] as const) {
  test(`parseCaptures refuses ${JSON.stringify(captures)}`, () => assert.throws(() => parseCaptures(captures), { code }))
}
