import assert from 'node:assert/strict'
import { test } from 'node:test'
import { AuthorityFolder } from '../../test/support/authority-folder.ts'
import { constraintsFor, formatConstraints, joinConstraints, parsePermits, permits, readNameConstraints } from './name-constraints.ts'
import { parseCertificateNames } from './names.ts'

const permit = parsePermits(['.Intranet, lan', '10.1.2.3/8', 'fd00::/8'])

for (const [name, isPermitted] of [
  ['registry.intranet', true],
  ['intranet', true],
  ['*.a.lan', true],
  ['localhost', true],
  ['10.255.0.1', true],
  ['fd12::1', true],
  ['127.0.0.9', true],
  ['spiffe://any/where', true],
  ['notintranet', false],
  ['intranet.example.com', false],
  ['11.0.0.1', false],
  ['fe80::1', false],
] as const) {
  test(`a CA for intranet, lan, 10/8 and fd00/8 ${isPermitted ? 'may' : 'may not'} vouch for ${name}`, () => {
    const [parsed] = parseCertificateNames([name])
    assert.equal(parsed && permits(permit, parsed), isPermitted)
  })
}

test('what a CA was limited to is read from its certificate, the host bits of networks being zero', async () => {
  await using folder = await AuthorityFolder.make()
  const { certificate } = await folder.create({ permit })
  assert.deepEqual(readNameConstraints(certificate), {
    domains: ['intranet', 'lan', 'localhost'],
    networks: ['10.0.0.0/8', 'fd00::/8', '127.0.0.0/8', '::1/128'],
  })
})

for (const text of ['10.0.0.0/33', '10.0.0/8', '10.0.0.0/8/8', 'fe80::1%eth0/10', 'fe80::1%eth0', 'https://x.test', 'a..b', '', ' , ']) {
  test(`--permit ${JSON.stringify(text)} is refused with an example`, () =>
    assert.throws(() => parsePermits([text]), { name: 'CertificateError', hint: /for example/ }))
}

for (const [names, limits] of [
  [['registry.lan'], 'lan, localhost, 127.0.0.0/8, ::1/128'],
  [['a.b.corp', '*.b.corp', 'single'], 'b.corp, single, localhost, 127.0.0.0/8, ::1/128'],
  [
    ['registry.test', '192.168.1.5'],
    'test, localhost, 10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16, 100.64.0.0/10, 169.254.0.0/16, fc00::/7, 127.0.0.0/8, ::1/128',
  ],
  [['registry.example.com', 'registry.lan'], undefined],
  [['registry.lan', '198.51.100.7'], undefined],
] as const) {
  test(`a CA for ${names.join(', ')} is limited to ${limits ?? 'nothing'}`, () => {
    const constraints = constraintsFor(parseCertificateNames(names))
    assert.equal(constraints && formatConstraints(constraints), limits)
  })
}

test('joined constraints permit what either does, and a kind that one leaves open stays open', () => {
  assert.deepEqual(joinConstraints({ domains: ['a'], networks: [] }, { domains: ['b'], networks: ['10.0.0.0/8'] }), { domains: ['a', 'b'], networks: [] })
})

test('what a CA may not vouch for is read from its certificate, held to, and told of', async () => {
  await using folder = await AuthorityFolder.make()
  const permit = { domains: ['corp.test'], networks: [], excluded: { domains: ['secret.corp.test'], networks: ['10.0.0.0/8', '::/0'] } }
  const { certificate } = await folder.create({ permit })
  const constraints = readNameConstraints(certificate)
  assert.deepEqual(constraints, permit)
  const names = parseCertificateNames(['a.corp.test', 'a.secret.corp.test', '10.1.1.1', '192.0.2.1', 'fd00::1'])
  assert.deepEqual(
    names.map((name) => permits(constraints, name)),
    [true, false, false, true, false],
  )
  await assert.rejects(folder.issue(['a.secret.corp.test']), { message: /limited to corp\.test but secret\.corp\.test, 10\.0\.0\.0\/8/ })
})
