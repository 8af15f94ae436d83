/** Keys as openssl, certstrap and easy-rsa write them, read by lacre; lacre's own, read by openssl. */
import assert from 'node:assert/strict'
import { createPrivateKey } from 'node:crypto'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { formatKey, readKeyFile } from '../../src/pki/key-file.ts'
import { run, runOk } from './support/command.ts'

const folder = await mkdtemp(join(tmpdir(), 'lacre-key-files-'))
after(() => rm(folder, { recursive: true, force: true }))

const RSA = ['genpkey', '-algorithm', 'RSA', '-pkeyopt', 'rsa_keygen_bits:2048']
const EC = ['genpkey', '-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-256']
const PASS = ['-passout', 'pass:right']

for (const [number, [what, isEncrypted, ...steps]] of (
  [
    ['openssl genrsa -traditional (PKCS#1)', false, ['genrsa', '-traditional', '2048']],
    ['openssl genrsa -aes256 -traditional (Proc-Type: 4,ENCRYPTED)', true, ['genrsa', '-aes256', ...PASS, '-traditional', '2048']],
    ['certstrap, an RSA key (Proc-Type, 3DES)', true, ['genrsa', '-des3', ...PASS, '-traditional', '2048']],
    ['openssl genpkey (PKCS#8)', false, RSA],
    ['openssl genpkey -aes-256-cbc (PBES2 with PBKDF2)', true, [...RSA, '-aes-256-cbc', '-pass', 'pass:right']],
    ['easy-rsa (PBES2 with 3DES)', true, [...EC, '-des3', '-pass', 'pass:right']],
    ['openssl ecparam -genkey (parameters, then SEC1)', false, ['ecparam', '-name', 'prime256v1', '-genkey']],
    ['openssl ec -aes256 (SEC1, encrypted)', true, ['ecparam', '-name', 'secp384r1', '-genkey'], ['ec', '-aes256', ...PASS]],
    ['openssl pkcs8 -topk8 -scrypt (PBES2 with scrypt)', true, EC, ['pkcs8', '-topk8', '-scrypt', ...PASS]],
    ['openssl genpkey -algorithm ED25519', false, ['genpkey', '-algorithm', 'ED25519']],
  ] as const
).entries()) {
  test(`a key of ${what} is read`, async () => {
    const path = join(folder, `${number}.key`)
    const text = await steps.reduce(async (input, args: readonly string[]) => runOk('openssl', args, { input: await input }), Promise.resolve(''))
    await writeFile(path, text)
    const key = await readKeyFile(path, async () => (isEncrypted ? 'right' : assert.fail('nothing to ask')))
    assert.equal(key.type, 'private')
    if (isEncrypted)
      await assert.rejects(
        readKeyFile(path, async () => 'wrong'),
        { name: 'CertificateError' },
      )
  })
}

for (const passphrase of [undefined, 'right', 'ñandú & "quotes"']) {
  test(`openssl reads a key that lacre wrote ${passphrase === undefined ? 'without a passphrase' : `with the passphrase ${passphrase}`}`, async () => {
    const path = join(folder, 'ours.key')
    const key = createPrivateKey(await runOk('openssl', EC))
    await writeFile(path, await formatKey(key, passphrase))
    const public_ = await runOk('openssl', ['pkey', '-in', path, '-pubout', '-passin', `pass:${passphrase ?? ''}`])
    assert.ok(createPrivateKey(await formatKey(key)).equals(key))
    assert.equal(public_, await runOk('openssl', ['pkey', '-pubout'], { input: await formatKey(key) }))
  })
}

test('openssl does not read a key that lacre encrypted with another passphrase, nor with none', async () => {
  const path = join(folder, 'ours.key')
  await writeFile(path, await formatKey(createPrivateKey(await runOk('openssl', EC)), 'right'))
  for (const passphrase of ['wrong', '']) assert.notEqual((await run('openssl', ['pkey', '-in', path, '-noout', '-passin', `pass:${passphrase}`])).status, 0)
})
