/** CAs of other programs, taken over: what they have issued is known, what they have revoked stays so, and their clients notice nothing. */
import assert from 'node:assert/strict'
import { mkdir, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { lacre } from '../cli/support/lacre.ts'
import { runOk } from './support/command.ts'
import { makeCertstrapDepot, makeDocumentedFolder, makeEasyRsaPki, makeMkcertRoot, makeOpensslCa } from './support/foreign-authorities.ts'

const folder = await mkdtemp(join(tmpdir(), 'lacre-takeover-'))
after(() => rm(folder, { recursive: true, force: true }))
const phrase = join(folder, 'phrase')
await writeFile(phrase, 'right\n')

const ENCRYPTED = ['-aes-256-cbc', '-pass', 'pass:right']

for (const { program, make, certificate, isEncrypted = false, issued, revoked } of [
  { program: 'openssl ca', make: makeOpensslCa, certificate: 'cacert.pem', issued: 3, revoked: 1 },
  {
    program: 'openssl ca, encrypted',
    make: (path: string) => makeOpensslCa(path, ENCRYPTED),
    certificate: 'cacert.pem',
    isEncrypted: true,
    issued: 3,
    revoked: 1,
  },
  { program: 'easy-rsa', make: makeEasyRsaPki, certificate: 'ca.crt', issued: 3, revoked: 1 },
  { program: 'certstrap', make: makeCertstrapDepot, certificate: 'Their_CA.crt', isEncrypted: true, issued: 3, revoked: 1 },
  { program: 'mkcert', make: makeMkcertRoot, certificate: 'rootCA.pem', issued: 0, revoked: 0 },
  { program: 'openssl', make: makeDocumentedFolder, certificate: 'ca.pem', isEncrypted: true, issued: 1, revoked: 0 },
]) {
  test(`lacre ca import takes over a CA of ${program}, and goes on with it`, async () => {
    const theirs = join(folder, program.replace(/\W/g, '-'))
    const ours = join(theirs, '../ours', program.replace(/\W/g, '-'))
    await make(theirs)
    const secret = isEncrypted ? ['--passphrase-file', phrase] : ['--no-passphrase']
    const taken = JSON.parse(await ok('ca', 'import', theirs, '--pki', ours, ...secret, '--json'))
    assert.deepEqual({ issued: taken.issued, revoked: taken.revoked }, { issued, revoked })

    const keyText = await readFile(join(ours, 'ca/ca.key'), 'utf8')
    assert.equal(keyText.startsWith('-----BEGIN ENCRYPTED PRIVATE KEY-----'), isEncrypted)
    assert.equal((await stat(join(ours, 'ca/ca.key'))).mode & 0o777, 0o600)

    const opened = isEncrypted ? ['--passphrase-file', phrase] : []
    await ok('cert', 'issue', 'server', 'new.intranet', '--pki', ours, '--out', join(ours, 'new'), ...opened)
    const trusted = join(theirs, certificate) // what their clients have
    assert.match(await runOk('openssl', ['verify', '-purpose', 'sslserver', '-CAfile', trusted, join(ours, 'new/server.crt')]), /: OK/)

    await ok('ca', 'crl', '--pki', ours, ...opened)
    const list = await runOk('openssl', ['crl', '-in', join(ours, 'crl.pem'), '-noout', '-text', '-CAfile', trusted])
    assert.equal(list.match(/Serial Number: /g)?.length ?? 0, revoked)
  })
}

test('a revoked certificate whose file is gone stays on the list', async () => {
  const [theirs, ours] = [join(folder, 'gone'), join(folder, 'ours/gone')]
  await makeEasyRsaPki(theirs)
  await rm(join(theirs, 'revoked'), { recursive: true })
  await ok('ca', 'import', theirs, '--pki', ours, '--no-passphrase')
  const list = JSON.parse(await ok('cert', 'list', '--pki', ours, '--json')) as { serial: string; reason?: string }[]
  assert.deepEqual(
    list.filter(({ reason }) => reason).map(({ serial, reason }) => [serial, reason]),
    [['2', 'keyCompromise']],
  )
})

test('a wrong passphrase takes nothing over, and ends with 1', async () => {
  const theirs = join(folder, 'wrong')
  await makeOpensslCa(theirs, ENCRYPTED)
  const { status, stderr } = await lacre(['ca', 'import', theirs, '--pki', join(folder, 'ours/wrong'), '--passphrase-env', 'P'], {
    environment: { P: 'wrong' },
  })
  assert.equal(status, 1)
  assert.match(stderr, /the passphrase for .*cakey\.pem is wrong/)
  await assert.rejects(stat(join(folder, 'ours/wrong/ca')))
})

test('a key of another CA, a folder without one, and two in one folder are explained', async () => {
  const [theirs, two] = [join(folder, 'mixed'), join(folder, 'two')]
  await makeOpensslCa(theirs)
  await mkdir(two)
  for (const name of ['first', 'second']) {
    const files = ['-keyout', join(two, `${name}.key`), '-out', join(two, `${name}.crt`)]
    await runOk('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-subj', `/CN=${name}`, ...files])
  }
  const key = join(theirs, 'private/alice.key')
  for (const [args, words] of [
    [['--cert', join(theirs, 'cacert.pem'), '--key', key], /alice\.key is not the key of the CA certificate/],
    [['--cert', join(theirs, 'certs/alice.crt'), '--key', key], /is no CA's certificate/],
    [[join(theirs, 'newcerts')], /holds no CA that lacre knows/],
    [[two], /holds several CAs: first, second/],
    [[two, '--name', 'third'], /holds no CA called "third"/],
  ] as const) {
    const { status, stderr } = await lacre(['ca', 'import', ...args, '--pki', join(folder, 'ours/mixed'), '--no-passphrase'])
    assert.equal(status, 1)
    assert.match(stderr, words)
  }
  assert.match(await ok('ca', 'import', two, '--name', 'second', '--pki', join(folder, 'ours/two'), '--no-passphrase'), /CN=second/)
})

for (const [what, key, options, status, words] of [
  ['whose key lacre cannot sign with is refused', ['ed448'], [], 1, /cannot sign with a key of the kind ED448/],
  ['with a short RSA key is taken with a warning', ['rsa:1024'], [], 0, /RSA key has only 1024 bits/],
  ['that says nothing of its key is taken with a warning', ['rsa:2048'], ['-addext', 'basicConstraints=critical,CA:TRUE'], 0, /keyUsage/],
] as const) {
  test(`a CA ${what}`, async () => {
    const theirs = join(folder, what)
    await mkdir(theirs)
    const files = ['-keyout', join(theirs, 'ca.key'), '-out', join(theirs, 'ca.crt')]
    await runOk('openssl', ['req', '-x509', '-newkey', ...key, '-nodes', '-subj', '/CN=odd', ...options, ...files])
    const taken = await lacre(['ca', 'import', theirs, '--pki', join(folder, 'ours', what), '--no-passphrase'])
    assert.equal(taken.status, status)
    assert.match(taken.stdout + taken.stderr, words)
  })
}

async function ok(...args: string[]): Promise<string> {
  const { status, stdout, stderr } = await lacre(args)
  assert.equal(status, 0, stderr)
  return stdout
}
