import assert from 'node:assert/strict'
import { test } from 'node:test'
import { formatAddress, listenError, parseAddress } from './address.ts'

for (const [addr, target] of [
  [':5000', { port: 5000 }],
  ['127.0.0.1:5000', { port: 5000, host: '127.0.0.1' }],
  ['localhost:0', { port: 0, host: 'localhost' }],
  ['[::1]:5000', { port: 5000, host: '::1' }],
] as const) {
  test(`parseAddress reads ${addr}`, () => assert.deepEqual(parseAddress(addr, 'tcp'), target))
}

for (const addr of ['', '5000', 'localhost', ':99999', '::1:5000', 'a:b']) {
  test(`parseAddress refuses ${JSON.stringify(addr)} with a hint`, () =>
    assert.throws(() => parseAddress(addr, 'tcp'), { name: 'ListenError', hint: /http\.addr/ }))
}

test('a unix socket is its path', () => assert.deepEqual(parseAddress('/run/lacre.sock', 'unix'), { path: '/run/lacre.sock' }))

test('formatAddress puts brackets around IPv6', () => {
  assert.equal(formatAddress({ address: '::1', family: 'IPv6', port: 1 }), '[::1]:1')
  assert.equal(formatAddress({ address: '127.0.0.1', family: 'IPv4', port: 1 }), '127.0.0.1:1')
})

test('an address in use has a hint of its own', () => {
  assert.match(listenError(':5000', Object.assign(new Error('x'), { code: 'EADDRINUSE' })).hint, /another program/)
})
