import assert from 'node:assert/strict'
import type { IncomingMessage } from 'node:http'
import { test } from 'node:test'
import { findSource, trustProxies } from './client-source.ts'

const requestWith = (forwarded: string | undefined) => ({ headers: { 'x-forwarded-for': forwarded } }) as unknown as IncomingMessage
const PROXIES = trustProxies(['10.0.0.0/8', '192.0.2.7', 'fd00::/8'])

for (const [address, source, why] of [
  ['192.0.2.1', '192.0.2.1', 'an IPv4 address'],
  ['::ffff:192.0.2.1', '192.0.2.1', 'an IPv4 address on a socket for both'],
  ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64', 'the /64 of an IPv6 address'],
  ['2001:db8:1:2::', '2001:db8:1:2::/64', 'the /64 of its first address'],
  ['2001:db8::6', '2001:db8:0:0::/64', 'a /64 with zeros left out'],
  ['::1', '0:0:0:0::/64', 'the loopback address'],
  ['fe80::1%eth0', 'fe80:0:0:0::/64', 'an address with a zone'],
  ['', '', 'nothing for a socket file'],
] as const) {
  test(`the source ${JSON.stringify(address)} is ${why}`, () => assert.equal(findSource(requestWith(undefined), address, undefined), source))
}

for (const [peer, forwarded, source, why] of [
  ['10.0.0.1', '198.51.100.1', '198.51.100.1', 'what a trusted proxy says'],
  ['::ffff:10.0.0.1', '198.51.100.1', '198.51.100.1', 'what one on a socket for both says'],
  ['203.0.113.1', '198.51.100.1', '203.0.113.1', 'the connection of somebody who is not trusted'],
  ['10.0.0.1', '1.1.1.1, 198.51.100.1, 192.0.2.7', '198.51.100.1', 'the last that is no trusted proxy, not what a client put before it'],
  ['10.0.0.1', '10.0.0.2, 10.0.0.3', '10.0.0.2', 'the first of trusted ones alone'],
  ['10.0.0.1', undefined, '10.0.0.1', 'the proxy when it says nothing'],
  ['10.0.0.1', 'unknown', '10.0.0.1', 'the proxy when it says what is no address'],
  ['10.0.0.1', '198.51.100.1:4711', '198.51.100.1', 'an address with a port'],
  ['fd00::1', '[2001:DB8::1]:4711', '2001:db8:0:0::/64', 'an IPv6 address with a port, in capitals'],
] as const) {
  test(`behind ${peer}, X-Forwarded-For ${JSON.stringify(forwarded)} means ${why}`, () =>
    assert.equal(findSource(requestWith(forwarded), peer, PROXIES), source))
}

test('nobody is trusted by default', () => {
  assert.equal(trustProxies([]), undefined)
  assert.equal(findSource(requestWith('198.51.100.1'), '127.0.0.1', undefined), '127.0.0.1')
})
