import assert from 'node:assert/strict'
import { X509Certificate } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { CertificateFolder } from '../../test/support/certificates.ts'
import { readCertificates } from './certificate-files.ts'

const folder = await CertificateFolder.make()
after(() => folder[Symbol.asyncDispose]())

const { cert } = await folder.issue('server', { names: ['registry.test'] })
const der = new X509Certificate(cert).raw

async function read(content: string | Buffer): Promise<string[]> {
  const path = join(folder.path, 'read.crt')
  await writeFile(path, content)
  return (await readCertificates(path)).map(({ fingerprint256 }) => fingerprint256)
}

test('PEM and DER hold the same certificate', async () => {
  assert.deepEqual(await read(`some words\n${cert}`), await read(der))
})

test('several certificates keep their order', async () => {
  const { cert: other } = await folder.issue('other')
  assert.deepEqual(await read(other + cert), [new X509Certificate(other).fingerprint256, new X509Certificate(cert).fingerprint256])
})

/** The certificate with one byte changed, a few bytes after where some others stand. */
function damagedAfter(hex: string, distance: number): Buffer {
  const bytes = Buffer.from(der)
  const at = bytes.indexOf(Buffer.from(hex, 'hex')) + hex.length / 2 + distance
  bytes.writeUInt8(bytes.readUInt8(at) ^ 0x7f, at)
  return bytes
}

for (const [what, bytes] of [
  ['is cut short', der.subarray(0, 100)],
  ['has a damaged key', damagedAfter('2a8648ce3d0201', 4)],
  ['has damaged names', damagedAfter('0603551d11', 3)],
  ['is text', Buffer.from('what is this')],
] as const) {
  test(`a certificate that ${what} is refused when it is read`, async () => {
    await assert.rejects(read(bytes), { name: 'CertificateError' })
  })
}
