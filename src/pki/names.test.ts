import assert from 'node:assert/strict'
import { test } from 'node:test'
import { hostNames, nameWarnings, parseCertificateNames } from './names.ts'

const interfaces = {
  lo: [
    { address: '127.0.0.1', internal: true },
    { address: '::1', internal: true },
  ],
  eth0: [
    { address: '192.0.2.10', internal: false },
    { address: '2001:db8::10', internal: false },
    { address: 'fe80::1c', internal: false },
  ],
}

test('hostNames lists names first, then reachable addresses, then loopback', () => {
  const names = hostNames({ hostname: 'registry.example.com', interfaces, hosts: '' })
  assert.deepEqual(names, ['registry.example.com', 'registry', '192.0.2.10', '2001:db8::10', 'localhost', '127.0.0.1', '::1'])
})

test('hostNames finds the domain of a short host name in /etc/hosts', () => {
  const hosts = '127.0.0.1 localhost\n# 192.0.2.9 registry.wrong registry\n192.0.2.10 registry.example.com registry # ours\n'
  assert.equal(hostNames({ hostname: 'registry', interfaces, hosts })[0], 'registry.example.com')
})

test('hostNames leaves out a host name that no certificate can carry', () => {
  assert.deepEqual(hostNames({ hostname: '12345', interfaces: {}, hosts: '' }), ['localhost', '127.0.0.1', '::1'])
})

for (const [text, kind, value] of [
  ['Registry.Example.COM.', 'dns', 'registry.example.com'],
  ['bücher.example', 'dns', 'xn--bcher-kva.example'],
  ['*.example.com', 'dns', '*.example.com'],
  ['my_registry', 'dns', 'my_registry'],
  ['192.0.2.10', 'ip', '192.0.2.10'],
  ['DNS:192.0.2.10', 'ip', '192.0.2.10'],
  ['DNS:a.example', 'dns', 'a.example'],
  ['spiffe://example.org/x', 'uri', 'spiffe://example.org/x'],
  ['lacre:account/alice', 'uri', 'lacre:account/alice'],
  ['::ffff:192.0.2.1', 'ip', '::ffff:c000:201'],
  ['2001:DB8:0:0:0:0:0:10', 'ip', '2001:db8::10'],
] as const) {
  test(`parseCertificateNames takes ${text} as ${kind} ${value}`, () => assert.deepEqual(parseCertificateNames([text]), [{ kind, value }]))
}

for (const text of [
  'https://registry.test',
  'registry.test:5000',
  '',
  '1.2.3',
  '010.0.0.1',
  'fe80::1%eth0',
  'a.*.example',
  '-a.example',
  `${'a'.repeat(64)}.example`,
]) {
  test(`parseCertificateNames rejects ${JSON.stringify(text)} and says what to give`, () => {
    assert.throws(() => parseCertificateNames([text]), { name: 'CertificateError', hint: /give the name alone/ })
  })
}

test('parseCertificateNames drops repeats in other spellings', () => {
  assert.equal(parseCertificateNames(['a.example', 'A.example.', '::1', '0:0::1']).length, 2)
})

test('parseCertificateNames takes names apart at commas and spaces', () => {
  const names = parseCertificateNames(['a.example,b.example, 192.0.2.1', 'DNS:c.example,IP:::1 a.example'])
  assert.deepEqual(
    names.map(({ value }) => value),
    ['a.example', 'b.example', '192.0.2.1', 'c.example', '::1'],
  )
})

test('an underscore is worth a warning', () => {
  assert.match(nameWarnings(parseCertificateNames(['my_registry', 'registry'])).join(), /^my_registry has an underscore: no docker reference/)
})
