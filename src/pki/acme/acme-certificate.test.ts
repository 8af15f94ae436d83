import assert from 'node:assert/strict'
import { createPrivateKey, X509Certificate } from 'node:crypto'
import { readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { AcmeStage } from '../../../test/support/acme-stage.ts'
import { CertificateFolder } from '../../../test/support/certificates.ts'
import { parseCertificateNames } from '../names.ts'
import { readBinding } from './binding.ts'

const HOUR_MS = 3_600_000
const DAY_MS = 24 * HOUR_MS

test('until the first certificate is issued one that signed itself stands in', async () => {
  await using stage = await AcmeStage.set()
  const certificate = await stage.open()
  assert.equal(certificate.isStandIn, true)
  assert.deepEqual(
    certificate.problems().map(({ id }) => id),
    ['acme-pending'],
  )
  assert.deepEqual(stage.server.asked, [])
})

test('the first step orders a certificate for all names, key and chain in one file', async () => {
  await using stage = await AcmeStage.set()
  stage.server.refuseNonceEvery = 2
  const certificate = await stage.open({ names: parseCertificateNames(['registry.test', 'mirror.test']), email: 'admin@registry.test' })
  await certificate.step()
  assert.deepEqual(stage.happened, ['issued, to be renewed on 2026-03-03'])
  const leaf = await stage.leaf()
  assert.equal(leaf.subjectAltName, 'DNS:registry.test, DNS:mirror.test')
  assert.ok(leaf.checkPrivateKey(createPrivateKey(await readFile(certificate.path))))
  assert.deepEqual([certificate.isStandIn, certificate.problems()], [false, []])
  assert.deepEqual(stage.server.contacts, [['mailto:admin@registry.test']])
})

test('keys are readable by their owner alone', async () => {
  await using stage = await AcmeStage.set()
  await (await stage.open()).step()
  for (const name of ['account.key', 'certificate.pem', 'schedule.json']) assert.equal((await stat(join(stage.path, name))).mode & 0o777, 0o600, name)
  assert.equal((await stat(stage.path)).mode & 0o777, 0o700)
})

test('the token is answered while the server looks, and no longer', async () => {
  await using stage = await AcmeStage.set()
  const certificate = await stage.open()
  const texts: (string | undefined)[] = []
  let path = ''
  stage.server.validate = ({ token, thumbprint }) => {
    path = `/.well-known/acme-challenge/${token}`
    texts.push(certificate.answers.findText(path), `${token}.${thumbprint}`)
    return undefined
  }
  await certificate.step()
  assert.equal(texts[0], texts[1])
  assert.equal(certificate.answers.findText(path), undefined)
})

test('tls-alpn-01 is answered by name, and an address by its name in reverse DNS', async () => {
  await using stage = await AcmeStage.set()
  const certificate = await stage.open({ names: parseCertificateNames(['registry.test', '192.0.2.10', '2001:db8::1']), challenge: 'tls-alpn-01' })
  const shown: (string | undefined)[] = []
  const asked = ['Registry.test', '10.2.0.192.in-addr.arpa', '1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa']
  stage.server.validate = () => {
    for (const name of asked) {
      const found = certificate.answers.findCertificate(name)
      if (found) shown.push(new X509Certificate(found.cert).subjectAltName)
    }
    return undefined
  }
  await certificate.step()
  assert.deepEqual(shown, ['DNS:registry.test', 'IP Address:192.0.2.10', 'IP Address:2001:DB8:0:0:0:0:0:1'])
  assert.equal(stage.server.orders[0]?.profile, 'shortlived')
})

test('a failure says which name, what the server saw and what to do; the old certificate stays', async () => {
  await using stage = await AcmeStage.set()
  const certificate = await stage.open()
  await certificate.step()
  const first = await stage.leaf()
  stage.server.validate = () => ({ type: 'unauthorized', detail: 'Invalid response from http://registry.test/: 404' })
  stage.clock.advance(70 * DAY_MS)
  await certificate.step()
  assert.match(
    stage.happened.at(-1) ?? '',
    /could not see by http-01 that registry\.test leads here: Invalid response from http:\/\/registry\.test\/: 404 \(unauthorized\)/,
  )
  const [problem] = certificate.problems()
  assert.equal(problem?.id, 'acme-failed')
  assert.match(problem?.sentence ?? '', /the one that is served ends on 2026-04-01/)
  assert.match(problem?.remedy ?? '', /DNS/)
  assert.equal((await stage.leaf()).fingerprint256, first.fingerprint256)
})

test('an account is bound to one that the operator knows', async () => {
  await using stage = await AcmeStage.set()
  stage.server.bindings = { 'kid-1': 'zWNDZM6eQGHWpSRTPal5eIUYFTu7EajVIoguysqZ9wG44nMEtx3MUAsUDkMTQ12W' }
  const { key } = await stage.folder.write('eab', '', `${stage.server.bindings['kid-1']}\n`)
  await (await stage.open({ binding: await readBinding('kid-1', key) })).step()
  assert.match(stage.happened[0] ?? '', /^issued/)
})

test('a server that wants a binding is asked for nothing without one', async () => {
  await using stage = await AcmeStage.set()
  stage.server.bindings = {}
  const certificate = await stage.open()
  await certificate.step()
  assert.match(certificate.problems()[0]?.remedy ?? '', /lacre\.acme\.eab\.kid/)
  assert.deepEqual(stage.server.asked, ['GET /directory'])
})

test('a binding key that is none is refused without being shown', async () => {
  await using folder = await CertificateFolder.make()
  const { key } = await folder.write('eab', '', 'not a key!')
  await assert.rejects(readBinding('kid-1', key), (error: Error) => !error.message.includes('not a key') && /holds no HMAC key/.test(error.message))
})

for (const [what, answer] of [
  ['a page of HTML', { status: 200, headers: {}, text: '<html>' }],
  ['a directory of plain HTTP', { status: 200, headers: {}, text: '{"newNonce":"http://a/","newAccount":"http://a/","newOrder":"http://a/"}' }],
  ['no nonce', { status: 200, headers: {}, text: '{"newNonce":"https://a/","newAccount":"https://a/","newOrder":"https://a/"}' }],
  ['nothing but a failure', { status: 500, headers: {}, text: '' }],
] as const) {
  test(`a server that answers with ${what} is a failure like others`, async () => {
    await using stage = await AcmeStage.set()
    const ask = stage.server.ask
    Object.assign(stage.server, { ask: async () => answer })
    const certificate = await stage.open()
    await certificate.step()
    assert.match(stage.happened[0] ?? '', /^failed: the ACME server /)
    Object.assign(stage.server, { ask })
    stage.clock.advance(HOUR_MS)
    await (await stage.open()).step()
    assert.match(stage.happened[1] ?? '', /^issued/)
  })
}

test('a damaged file is refused by name, and an unreadable schedule is made anew', async () => {
  await using stage = await AcmeStage.set()
  const { path } = await stage.open()
  await writeFile(join(stage.path, 'schedule.json'), '{"failures":')
  await (await stage.open()).step()
  await writeFile(path, 'nothing')
  await assert.rejects(stage.open(), { name: 'CertificateError', message: /certificate\.pem does not hold/ })
})
