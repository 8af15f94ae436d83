import assert from 'node:assert/strict'
import { X509Certificate } from 'node:crypto'
import { after, test } from 'node:test'
import { CertificateFolder } from '../../test/support/certificates.ts'
import { judge } from './verdict.ts'

const folder = await CertificateFolder.make()
after(() => folder[Symbol.asyncDispose]())

const authority = await folder.issue('ca', { profile: 'authority', names: [] })
const other = await folder.issue('other', { profile: 'authority', names: [] })
const issued = await folder.issue('server', { issuer: authority, names: ['registry.test', '*.mirror.test', '192.0.2.10'] })
const chain = [new X509Certificate(issued.cert)] as const

function refusers(options: Parameters<typeof judge>[1]): string[] {
  return judge(chain, options).verdicts.flatMap(({ verifier, refusal }) => (refusal === undefined ? [] : [verifier]))
}

for (const host of [undefined, 'registry.test', 'REGISTRY.test', 'a.mirror.test', '192.0.2.10']) {
  test(`everybody accepts the certificate of a known CA for ${host ?? 'its own first name'}`, () => {
    assert.deepEqual(refusers({ ...(host && { host }), trusted: [new X509Certificate(authority.cert)] }), [])
  })
}

for (const host of ['a.b.mirror.test', 'mirror.test', '192.0.2.11', 'other.test']) {
  test(`nobody accepts it for ${host}`, () => assert.equal(refusers({ host }).length, 4))
}

test('nobody accepts it from a CA that is not known, or after its end', () => {
  assert.equal(refusers({ trusted: [new X509Certificate(other.cert)] }).length, 4)
  assert.equal(refusers({ now: Date.now() + 1e12 }).length, 4)
})

test('a host that is no name is refused', () => {
  assert.throws(() => judge(chain, { host: 'https://registry.test' }), { name: 'CertificateError' })
})
