/** What openssl says of all that an authority signs: each kind of key, each profile, each kind of name. */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { createPublicKey, type KeyObject } from 'node:crypto'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { promisify } from 'node:util'
import type { Authority } from '../../src/pki/authority.ts'
import { finishRotation, prepareRotation, renewAuthority, switchAuthority } from '../../src/pki/authority-rotation.ts'
import { makeRequest, parseRequest } from '../../src/pki/certificate-request.ts'
import { parseSubject } from '../../src/pki/distinguished-name.ts'
import { readKeyFile } from '../../src/pki/key-file.ts'
import { keyKinds, makeKey } from '../../src/pki/key-kind.ts'
import type { LeafRequest } from '../../src/pki/leaf-certificate.ts'
import { constraintsFor, parsePermits } from '../../src/pki/name-constraints.ts'
import { parseCertificateNames } from '../../src/pki/names.ts'
import { signCertificate } from '../../src/pki/sign-certificate.ts'
import { AuthorityFolder, DAY_MS } from '../support/authority-folder.ts'

const run = promisify(execFile)

async function openssl(...args: string[]): Promise<string> {
  const { stdout, stderr } = await run('openssl', args)
  return stdout + stderr
}

/** Verifies as of the folder's time, as strictly as openssl can. */
function verify(folder: AuthorityFolder, leaf: string, ...args: string[]): Promise<string> {
  const when = String(Math.floor(folder.now / 1000))
  return openssl('verify', '-x509_strict', '-check_ss_sig', '-attime', when, '-CAfile', folder.paths.bundle, ...args, leaf)
}

async function write(folder: AuthorityFolder, name: string, content: string | Buffer): Promise<string> {
  const path = join(folder.root, name)
  await writeFile(path, content)
  return path
}

const longName = `${'a'.repeat(60)}.${'b'.repeat(60)}.intranet`
const NAMES = {
  'a host name': ['registry.intranet'],
  'an IDN': ['bücher.intranet'],
  'a wildcard': ['*.mirror.intranet'],
  'an IPv4 address alone': ['10.0.0.7'],
  'an IPv6 address alone': ['fd00::7'],
  'a URI': ['spiffe://intranet/registry'],
  'an underscore': ['my_registry.intranet'],
  'a name longer than a CN': [longName],
  'names of every kind': ['registry.intranet', '*.intranet', '10.0.0.7', 'fd00::7', 'spiffe://intranet/x', 'localhost'],
  '500 names': Array.from({ length: 500 }, (_, index) => `host-${index}.intranet`),
} as const

const PURPOSES = { server: 'sslserver', client: 'sslclient' } as const

for (const kind of keyKinds) {
  describe(`openssl verifies strictly what a CA ${kind} signs`, () => {
    let folder: AuthorityFolder
    let authority: Authority
    let key: KeyObject

    before(async () => {
      folder = await AuthorityFolder.make()
      authority = await folder.create({ kind, permit: parsePermits(['intranet', 'test', '10.0.0.0/8', 'fd00::/8']) })
      key = await makeKey(kind)
    })
    after(() => folder[Symbol.asyncDispose]())

    for (const profile of ['server', 'client'] as const) {
      for (const [what, names] of Object.entries(NAMES)) {
        test(`for a ${profile} with ${what}`, async () => {
          const { certificate } = await authority.issue({ profile, names: parseCertificateNames(names), publicKey: createPublicKey(key) })
          const leaf = await write(folder, 'leaf.crt', certificate.toString())
          assert.match(await verify(folder, leaf, '-purpose', PURPOSES[profile]), /: OK/)
          const other = profile === 'server' ? 'sslclient' : 'sslserver'
          await assert.rejects(verify(folder, leaf, '-purpose', other), /(?:unsupported|unsuitable) certificate purpose/)
        })
      }
    }

    test('a list of revocations, and the CA itself', async () => {
      const { certificate } = await folder.issue(['a.test'])
      const leaf = await write(folder, 'leaf.crt', certificate.toString())
      assert.match(await verify(folder, folder.paths.certificate), /: OK/)
      await authority.renewCrl()
      assert.match(await verify(folder, leaf, '-crl_check', '-CRLfile', folder.paths.listPem), /: OK/)
      await authority.revoke('a.test', 'keyCompromise')
      assert.match(await openssl('crl', '-noout', '-verify', '-CAfile', folder.paths.certificate, '-in', folder.paths.listPem), /verify OK/)
      assert.match(await openssl('crl', '-noout', '-text', '-inform', 'DER', '-in', folder.paths.listDer), /CRL Number: \s+2\s[\s\S]*Key Compromise/)
      await assert.rejects(verify(folder, leaf, '-crl_check', '-CRLfile', folder.paths.listPem), /certificate revoked/)
    })

    test('a request is verified by openssl, and one of openssl is signed', async () => {
      const content = { subject: parseSubject('C=FR,O=Éditions,CN=a.test'), names: parseCertificateNames(['a.test', '10.0.0.1']) }
      const request = await write(folder, 'a.csr', makeRequest(key, content))
      assert.match(await openssl('req', '-noout', '-verify', '-in', request), /verify OK/)
      const keyPath = await write(folder, 'b.key', key.export({ type: 'pkcs8', format: 'pem' }))
      const foreign = join(folder.root, 'b.csr')
      const asked = ['-addext', 'subjectAltName=DNS:b.test,IP:10.0.0.2', '-addext', 'basicConstraints=critical,CA:TRUE']
      await openssl('req', '-new', '-sha256', '-key', keyPath, '-subj', '/CN=b', '-out', foreign, ...asked)
      const parsed = parseRequest(await readFile(foreign), foreign)
      assert.deepEqual(parsed.ignored, ['2.5.29.19'])
      const { certificate } = await authority.sign(parsed, 'server')
      const leaf = await write(folder, 'b.crt', certificate.toString())
      assert.match(await verify(folder, leaf, '-purpose', 'sslserver', '-verify_hostname', 'b.test'), /: OK/)
      assert.equal(certificate.ca, false)
    })
  })
}

test('a CN that looks like a domain but is none passes under name constraints', async () => {
  await using folder = await AuthorityFolder.make()
  await folder.create({ permit: parsePermits(['intranet', '10.0.0.0/8']) })
  for (const account of ['alice', 'alice.smith', 'a@b.example', 'Zoë']) {
    const { certificate } = await folder.issue([], { profile: 'client', account })
    const leaf = await write(folder, 'leaf.crt', certificate.toString())
    assert.match(await verify(folder, leaf, '-purpose', 'sslclient'), /: OK/, account)
  }
  const { certificate } = await folder.issue(['10.0.0.7'], { subject: parseSubject('O=X,CN=registry.example.com') })
  assert.match(await verify(folder, await write(folder, 'leaf.crt', certificate.toString())), /: OK/)
})

test('openssl refuses a name outside the constraints, which is why lacre does', async () => {
  await using folder = await AuthorityFolder.make()
  const limits = constraintsFor(parseCertificateNames(['registry.intranet']))
  const { certificate } = await folder.create(limits && { permit: limits })
  const issuer = { key: await readKeyFile(folder.paths.key), certificate }
  const dates = { notBefore: new Date(folder.now), notAfter: new Date(folder.now + DAY_MS) }
  for (const [name, answer] of [
    ['registry.intranet', /: OK/],
    ['registry.example.com', /permitted subtree violation/],
    ['10.0.0.1', /permitted subtree violation/],
  ] as const) {
    const names = parseCertificateNames([name])
    const signed = signCertificate(issuer, { profile: 'server', subject: parseSubject('CN=x'), publicKey: certificate.publicKey, names, ...dates })
    const asked = verify(folder, await write(folder, 'leaf.crt', signed.toString()))
    assert.match(await asked.catch((error: Error) => error.message), answer, name)
  }
})

test('through renewal and rotation, openssl accepts at each step with the bundle distributed before it', async () => {
  await using folder = await AuthorityFolder.make()
  await folder.create()
  let trusted = await write(folder, 'trusted.crt', await readFile(folder.paths.bundle))
  const steps = [
    async () => undefined,
    () => renewAuthority({ ...folder.options, days: 4000 }),
    () => prepareRotation({ ...folder.options, permit: undefined }),
    async () => (trusted = await write(folder, 'trusted.crt', await readFile(folder.paths.bundle))),
    () => switchAuthority(folder.options),
    () => finishRotation({ ...folder.options, force: true }),
  ]
  for (const [at, step] of steps.entries()) {
    await step()
    const { certificate } = await folder.issue(['registry.intranet'])
    const leaf = await write(folder, 'leaf.crt', certificate.toString())
    const when = String(Math.floor(folder.now / 1000))
    assert.match(await openssl('verify', '-x509_strict', '-attime', when, '-CAfile', trusted, leaf), /: OK/, `step ${at}`)
    folder.passDays(30)
  }
})

/** A configuration by which openssl writes subjects as BMPString, as old programs did. */
const BMP_STRINGS = `
[req]
string_mask = MASK:0x800
distinguished_name = dn
x509_extensions = ca
[dn]
[ca]
basicConstraints = critical,CA:TRUE
keyUsage = critical,keyCertSign,cRLSign
subjectKeyIdentifier = hash
`

test('an imported root whose subject is not written as lacre would is repeated byte by byte', async () => {
  await using folder = await AuthorityFolder.make()
  await folder.create()
  const config = await write(folder, 'req.cnf', BMP_STRINGS)
  const files = ['-keyout', folder.paths.key, '-out', folder.paths.certificate]
  await openssl('req', '-config', config, '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '9000', '-subj', '/O=Élan/CN=old CA', '-utf8', ...files)
  await writeFile(folder.paths.bundle, await readFile(folder.paths.certificate))
  const { certificate } = await folder.issue(['registry.intranet'])
  const leaf = await write(folder, 'leaf.crt', certificate.toString())
  assert.match(await verify(folder, leaf, '-purpose', 'sslserver'), /: OK/)
})

/** A disk of 128 KiB, and a folder on it. */
async function smallDisk(): Promise<{ folder: AuthorityFolder; path: string } & AsyncDisposable> {
  const path = await mkdtemp(join(tmpdir(), 'lacre-small-disk-'))
  await run('mount', ['-t', 'tmpfs', '-o', 'size=128k', 'small', path])
  const folder = new AuthorityFolder(join(path, 'folder'))
  const leave = async () => {
    await folder[Symbol.asyncDispose]()
    await run('umount', [path])
    await rm(path, { recursive: true })
  }
  return { folder, path, [Symbol.asyncDispose]: leave }
}

test('on a full disk nothing is issued or renewed, and the old files stay whole', async () => {
  await using disk = await smallDisk()
  const { folder } = disk
  const authority = await folder.create()
  const before = await readFile(folder.paths.certificate, 'utf8')
  const filler = join(disk.path, 'filler')
  await assert.rejects(writeFile(filler, Buffer.alloc(1024 * 1024)), { code: 'ENOSPC' })

  const request: LeafRequest = { profile: 'server', names: parseCertificateNames(['a.test']), publicKey: authority.certificate.publicKey }
  await assert.rejects(renewAuthority(folder.options), { name: 'CertificateError', message: `there is no space left for ${folder.paths.certificate}` })
  await assert.rejects(authority.renewCrl())
  await assert.rejects(authority.issue(request), { name: 'CertificateError', message: /ledger .* cannot be written/ })
  assert.equal(await readFile(folder.paths.certificate, 'utf8'), before)
  assert.equal(await readFile(folder.paths.bundle, 'utf8'), before)
  assert.equal(folder.ledger.list().length, 1)

  await rm(filler)
  await authority.issue(request)
  assert.notEqual((await renewAuthority(folder.options)).toString(), before)
})
