import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isListenAddress } from './listen-address.ts'

for (const addr of [':5000', '0.0.0.0:443', '[::1]:5000', '[::]:0', 'localhost:5000']) {
  test(`${addr} is an address`, () => assert.equal(isListenAddress(addr, 'tcp'), true))
}

for (const addr of ['localhost', '::1:5000', ':65536', ':gopher', 'http://a:1', '']) {
  test(`${JSON.stringify(addr)} is no address`, () => assert.equal(isListenAddress(addr, 'tcp'), false))
}

test('a unix socket has a path', () => assert.deepEqual([isListenAddress('/run/r.sock', 'unix'), isListenAddress('', 'unix')], [true, false]))
