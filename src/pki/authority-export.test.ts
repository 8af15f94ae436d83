import assert from 'node:assert/strict'
import { test } from 'node:test'
import { AuthorityFolder } from '../../test/support/authority-folder.ts'
import { exportAuthority, exportFormats } from './authority-export.ts'
import { prepareRotation } from './authority-rotation.ts'

const host = 'registry.intranet:5000'

async function bundles(): Promise<{ one: string; both: string }> {
  await using folder = await AuthorityFolder.make()
  const { bundle: one } = await folder.create({ name: 'A & B' })
  await prepareRotation({ ...folder.options, permit: undefined })
  return { one, both: (await folder.open()).bundle }
}

for (const [format, paths] of [
  ['pem', ['ca.crt']],
  ['der', ['ca.der']],
  ['docker', ['registry.intranet:5000/ca.crt']],
  ['containerd', ['registry.intranet_5000_/ca.crt', 'registry.intranet_5000_/hosts.toml']],
  ['k8s-configmap', ['lacre-ca.yaml']],
  ['mobileconfig', ['lacre-ca.mobileconfig']],
] as const) {
  test(`exported as ${format}, the CA is in ${paths.join(' and ')}, and no key is`, async () => {
    const { one } = await bundles()
    const files = exportAuthority(format, one, host)
    assert.deepEqual(Object.keys(files), paths)
    for (const content of Object.values(files)) assert.doesNotMatch(content.toString('latin1'), /PRIVATE/)
  })
}

test('during a rotation every format holds both roots', async () => {
  const { both } = await bundles()
  for (const format of exportFormats) {
    const text = Object.values(exportAuthority(format, both, host))
      .map((content) => content.toString('latin1'))
      .join()
    const roots = text.match(/BEGIN CERTIFICATE|com\.apple\.security\.root|^0\x82|,0\x82/gm) ?? []
    assert.equal(roots.length, 2, format)
  }
})

test('what stands in a name is escaped in XML', async () => {
  const { one } = await bundles()
  assert.match(String(exportAuthority('mobileconfig', one)['lacre-ca.mobileconfig']), /Trust A &amp; B/)
})

for (const bad of [undefined, '../../etc', 'a/b', 'registry.intranet:5000 ']) {
  test(`a folder is not named after the host ${bad}`, () => assert.throws(() => exportAuthority('docker', '', bad), { hint: /--host/ }))
}

test('an unknown format is refused with the known ones', () => assert.throws(() => exportAuthority('p12', ''), { hint: /pem, der/ }))
