import assert from 'node:assert/strict'
import { connect } from 'node:net'
import { text } from 'node:stream/consumers'
import { test } from 'node:test'
import { ChallengeAnswers } from '../pki/acme/challenge-answers.ts'
import { ChallengeListener } from './challenge-listener.ts'

const TOKEN = '/.well-known/acme-challenge/token'

/** All that is answered to raw bytes. */
async function ask(request: string): Promise<string> {
  const answers = new ChallengeAnswers()
  await answers.open({ type: 'http-01', name: { kind: 'dns', value: 'registry.test' }, token: 'token', keyAuthorization: 'token.print' })
  const findOrigin = (host: string) => (host === 'registry.test' ? 'https://registry.test' : undefined)
  await using listener = new ChallengeListener({ addr: '127.0.0.1:0', answers, findOrigin })
  await listener.listen()
  const socket = connect(Number(listener.address.split(':').at(-1)), '127.0.0.1')
  socket.end(request)
  return await text(socket)
}

for (const [what, request, answer] of [
  ['the token is answered under any name', `GET ${TOKEN} HTTP/1.1\r\nHost: x\r\n\r\n`, /^HTTP\/1\.1 200 .*\r\n\r\ntoken\.print$/s],
  ['another token is not', 'GET /.well-known/acme-challenge/other HTTP/1.1\r\nHost: x\r\n\r\n', /^HTTP\/1\.1 404 /],
  [
    'a path of ours is sent to HTTPS',
    'GET /v2/?n=1 HTTP/1.1\r\nHost: Registry.test:80\r\n\r\n',
    /^HTTP\/1\.1 308 .*\r\nLocation: https:\/\/registry\.test\/v2\/\?n=1\r\n/,
  ],
  ['a host that is not ours is not', 'GET / HTTP/1.1\r\nHost: evil.test\r\n\r\n', /^HTTP\/1\.1 404 /],
  ['a whole URL is not', 'GET http://evil.test/ HTTP/1.1\r\nHost: registry.test\r\n\r\n', /^HTTP\/1\.1 404 /],
  ['a password by POST is not', 'POST / HTTP/1.1\r\nHost: registry.test\r\nContent-Length: 0\r\n\r\n', /^HTTP\/1\.1 405 .*\r\nAllow: GET, HEAD\r\n/s],
  ['noise is refused', '\x16\x03\x01\r\n\r\n', /^HTTP\/1\.1 400 /],
] as const) {
  test(`plain HTTP beside ACME: ${what}, and the connection ends`, async () => assert.match(await ask(request), answer))
}

test('a taken address names the key that sets it', async () => {
  const options = { answers: new ChallengeAnswers(), findOrigin: () => undefined }
  await using first = new ChallengeListener({ ...options, addr: '127.0.0.1:0' })
  await first.listen()
  const second = new ChallengeListener({ ...options, addr: first.address })
  await assert.rejects(second.listen(), { name: 'ListenError', hint: /lacre\.acme\.httpaddr/ })
})
