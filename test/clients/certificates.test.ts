/** What `lacre cert` makes, as openssl, curl, skopeo and docker take it; and the traps of the documents that it takes the place of. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { createPrivateKey, X509Certificate } from 'node:crypto'
import { once } from 'node:events'
import { cp, mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { type Finished, lacre, lacreEach } from '../cli/support/lacre.ts'
import { run, runOk } from './support/command.ts'

const folder = await mkdtemp(join(tmpdir(), 'lacre-certificates-'))
after(() => rm(folder, { recursive: true, force: true }))
const pki = join(folder, 'pki')
const caPath = join(pki, 'ca/ca.crt')

before(async () => {
  const made = await lacreEach([
    ['ca', 'init', '--pki', pki, '--no-passphrase'],
    ['cert', 'issue', 'server', 'registry.test', '--pki', pki],
    ['cert', 'issue', 'client', 'alice', '--pki', pki],
  ])
  for (const each of made) assert.equal(each.status, 0, each.stderr)
})

async function ok(...args: string[]): Promise<string> {
  const { status, stdout, stderr } = await lacre(args)
  assert.equal(status, 0, stderr)
  return stdout
}

function refused({ status, stderr }: Finished, words: RegExp): void {
  assert.equal(status, 1, stderr)
  assert.match(stderr, words)
  assert.match(stderr, /\nhint: /)
}

const kinds = ['ec:p256', 'ec:p384', 'rsa:2048', 'rsa:3072', 'rsa:4096', 'ed25519']

test('openssl verifies strictly what CAs of every kind of key sign, for servers and clients with keys of every kind', async () => {
  const at = (kind: string) => join(folder, 'kinds', kind.replace(':', ''))
  const lines = kinds.flatMap((kind) => [
    ['ca', 'init', '--pki', at(kind), '--no-passphrase', '--key', kind, '--permit', 'test', '--permit', '192.0.2.0/24'],
    ['cert', 'issue', 'server', 'registry.test,*.mirror.test', '192.0.2.10', '--pki', at(kind), '--key', kind, '--subject', 'C=FR,O=SINGLETON,OU=R&D'],
    ['cert', 'issue', 'client', 'alice', '--pki', at(kind), '--key', kind],
  ])
  for (const each of await lacreEach(lines)) assert.equal(each.status, 0, each.stderr)
  for (const kind of kinds) {
    const [ca, issued] = [join(at(kind), 'ca/ca.crt'), join(at(kind), 'issued')]
    for (const check of [
      ['-verify_hostname', 'registry.test'],
      ['-verify_hostname', 'a.mirror.test'],
      ['-verify_ip', '192.0.2.10'],
    ]) {
      const server = join(issued, 'registry.test/server.crt')
      await runOk('openssl', ['verify', '-x509_strict', '-purpose', 'sslserver', '-CAfile', ca, ...check, server])
    }
    await runOk('openssl', ['verify', '-x509_strict', '-purpose', 'sslclient', '-CAfile', ca, join(issued, 'alice/client.crt')])
    assert.notEqual((await run('openssl', ['verify', '-purpose', 'sslserver', '-CAfile', ca, join(issued, 'alice/client.crt')])).status, 0)
  }
  const subject = await runOk('openssl', ['x509', '-noout', '-subject', '-in', join(at('ec:p256'), 'issued/registry.test/server.crt')])
  assert.equal(subject.trim(), 'subject=C = FR, O = SINGLETON, OU = R&D, CN = registry.test')
})

describe('bundles', () => {
  const contents: Readonly<Record<string, readonly string[]>> = {
    server: ['server.crt', 'server.key'],
    client: ['ca.crt', 'client.crt', 'client.key'],
    trust: ['ca.crt'],
    'docker-client': ['ca.crt', 'client.cert', 'client.key'],
    'docker-daemon': ['ca.pem', 'server-cert.pem', 'server-key.pem'],
    'docker-cli': ['ca.pem', 'cert.pem', 'key.pem'],
  }

  for (const [bundle, files] of Object.entries(contents)) {
    test(`${bundle} holds ${files.join(' ')}, of which no key is the CA's`, async () => {
      const to = join(folder, 'bundles', bundle)
      await ok('cert', 'export', bundle, '--pki', pki, '--to', to)
      assert.deepEqual((await readdir(to)).toSorted(), files)
      const ca = new X509Certificate(await readFile(caPath))
      for (const name of files) {
        const text = await readFile(join(to, name), 'utf8')
        const keys = text.match(/-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?-----END [A-Z ]*PRIVATE KEY-----/g) ?? []
        assert.equal(keys.length, name.endsWith('key') || name.endsWith('key.pem') ? 1 : 0, name)
        for (const key of keys) assert.equal(ca.checkPrivateKey(createPrivateKey(key)), false)
        assert.equal((await stat(join(to, name))).mode & 0o777, keys.length > 0 ? 0o600 : 0o644, name)
      }
    })
  }

  test('files that are there are not replaced without --force, and then kept', async () => {
    const to = join(folder, 'kept')
    await mkdir(to)
    await writeFile(join(to, 'ca.crt'), 'mine')
    refused(await lacre(['cert', 'export', 'trust', '--pki', pki, '--to', to]), /ca\.crt exists already, and nothing was changed/)
    assert.equal(await readFile(join(to, 'ca.crt'), 'utf8'), 'mine')
    await ok('cert', 'export', 'trust', '--pki', pki, '--to', to, '--force')
    const [kept = ''] = (await readdir(to)).filter((name) => name.includes('.backup-'))
    assert.equal(await readFile(join(to, kept), 'utf8'), 'mine')
  })
})

describe('names of files', () => {
  for (const [scheme, files] of [
    ['lacre', ['ca.crt', 'server.crt', 'server.key']],
    ['certstrap', ['registry.test.crt', 'registry.test.key']],
    ['openssl', ['domain.crt', 'domain.key']],
    ['docker', ['ca.pem', 'server-cert.pem', 'server-key.pem']],
  ] as const) {
    test(`--names ${scheme} makes ${files.join(' ')}`, async () => {
      const out = join(folder, 'names', scheme)
      await ok('cert', 'issue', 'server', 'registry.test', '--pki', pki, '--names', scheme, '--out', out)
      assert.deepEqual((await readdir(out)).toSorted(), files)
    })
  }
})

describe('the traps of the documents', () => {
  test('names with commas between them are that many names, and the first is the CN', async () => {
    const { names, subject } = JSON.parse(await ok('cert', 'issue', 'server', 'a.test,b.test 192.0.2.1', '--pki', pki, '--json'))
    assert.deepEqual(names, ['dns:a.test', 'dns:b.test', 'ip:192.0.2.1'])
    assert.equal(subject, 'CN=a.test')
  })

  test('a request with a CN alone gets it as a name, and nothing else that it asks for', async () => {
    const [key, request] = [join(folder, 'cn.key'), join(folder, 'cn.csr')]
    const wishes = ['-addext', 'basicConstraints=CA:TRUE', '-addext', 'keyUsage=keyCertSign']
    await runOk('openssl', ['req', '-new', '-newkey', 'rsa:2048', '-nodes', '-keyout', key, '-subj', '/CN=registry.intranet', ...wishes, '-out', request])
    const { names, warnings } = JSON.parse(await ok('cert', 'sign', request, '--pki', pki, '--json'))
    assert.deepEqual(names, ['dns:registry.intranet'])
    assert.match(warnings.join(), /asks for more, which it does not get: 2\.5\.29\.19, 2\.5\.29\.15/)
    const text = await runOk('openssl', ['x509', '-noout', '-text', '-in', join(folder, 'cn.crt')])
    assert.match(text, /CA:FALSE/)
    assert.match(text, /DNS:registry\.intranet/)
  })

  test('a request signed for a client names one account, not those that it asks to be', async () => {
    const [key, request] = [join(folder, 'bob.key'), join(folder, 'bob.csr')]
    const wishes = ['-addext', 'subjectAltName=URI:lacre:account/admin,DNS:registry.test']
    await runOk('openssl', ['req', '-new', '-newkey', 'rsa:2048', '-nodes', '-keyout', key, '-subj', '/O=SINGLETON/CN=bob', ...wishes, '-out', request])
    const sign = ['cert', 'sign', request, '--profile', 'client', '--pki', pki, '--json']
    const { names, subject } = JSON.parse(await ok(...sign))
    assert.deepEqual([names, subject], [['uri:lacre:account/bob'], 'O=SINGLETON, CN=bob'])
    assert.deepEqual(JSON.parse(await ok(...sign, '--account', 'bob@laptop', '--force')).names, ['uri:lacre:account/bob%40laptop'])
    refused(await lacre([...sign, '--account', 'a:b', '--force']), /must not hold ":"/)
  })

  test("lacre's request carries its names, and openssl verifies it", async () => {
    const out = join(folder, 'request')
    await ok('cert', 'request', 'registry.intranet', '--ip', '192.0.2.1,192.0.2.2', '--out', out, '--names', 'certstrap', '--key', 'rsa:2048')
    const request = await run('openssl', ['req', '-noout', '-verify', '-text', '-in', join(out, 'registry.intranet.csr')])
    assert.match(request.stderr, /verify OK/)
    assert.match(request.stdout, /DNS:registry\.intranet, IP Address:192\.0\.2\.1, IP Address:192\.0\.2\.2/)
  })

  test('a client certificate that was made from the server key is not given away', async () => {
    const from = join(folder, 'crossed')
    await mkdir(from)
    await cp(join(pki, 'issued/registry.test/server.crt'), join(from, 'client.crt'))
    await cp(join(pki, 'issued/alice/client.key'), join(from, 'client.key'))
    refused(await lacre(['cert', 'export', 'docker-client', '--pki', pki, '--from', from, '--to', join(from, 'out')]), /private key does not match public key/)
    refused(
      await lacre(['cert', 'import', '--cert', join(from, 'client.crt'), '--key', join(from, 'client.key'), '--out', join(from, 'out')]),
      /private key does not match public key/,
    )
    await assert.rejects(stat(join(from, 'out')))
  })

  test('an encrypted client key is not given to docker, with the words that docker would have', async () => {
    const from = join(folder, 'encrypted')
    await cp(join(pki, 'issued/alice'), from, { recursive: true })
    await runOk('openssl', ['pkey', '-in', join(pki, 'issued/alice/client.key'), '-aes256', '-passout', 'pass:x', '-out', join(from, 'client.key')])
    refused(await lacre(['cert', 'export', 'docker-cli', '--pki', pki, '--from', from, '--to', join(from, 'out')]), /tls: failed to parse private key/)
  })

  test('the CA is not exported as a server, and show says what clients would say of it', async () => {
    refused(await lacre(['cert', 'export', 'server', '--pki', pki, '--from', join(pki, 'ca'), '--to', join(folder, 'ca-out')]), /is that of a CA/)
    assert.match(
      await ok('cert', 'show', caPath, '--host', 'registry.test'),
      /x509: certificate is not valid for any names, but wanted to match\s+registry\.test/,
    )
  })

  test('of several certificates in one folder the one that is named is taken, and none without a name', async () => {
    const depot = join(folder, 'depot')
    for (const name of ['a.test', 'b.test']) await ok('cert', 'issue', 'server', name, '--pki', pki, '--names', 'certstrap', '--out', depot)
    const into = (name: string) => ['cert', 'export', 'server', '--pki', pki, '--from', depot, '--to', join(depot, name)]
    refused(await lacre(into('none')), /there are several certificates for a server: .*a\.test\.crt, .*b\.test\.crt/)
    await ok(...into('b'), 'b.test')
    assert.equal(await readFile(join(depot, 'b/server.crt'), 'utf8'), await readFile(join(depot, 'b.test.crt'), 'utf8'))
    refused(
      await lacre(['cert', 'export', 'docker-client', '--pki', pki, '--from', depot, '--to', join(depot, 'c')]),
      /there is no certificate for a client among/,
    )
  })

  test('a chain in the wrong order, with its root, is put right', async () => {
    const out = join(folder, 'imported')
    const issued = join(pki, 'issued/registry.test')
    const upsideDown = join(folder, 'upside-down.pem')
    await writeFile(upsideDown, (await readFile(caPath, 'utf8')) + (await readFile(join(issued, 'server.crt'), 'utf8')))
    await ok('cert', 'import', '--cert', upsideDown, '--key', join(issued, 'server.key'), '--out', out)
    assert.equal(await readFile(join(out, 'server.crt'), 'utf8'), await readFile(join(issued, 'server.crt'), 'utf8'))
  })
})

describe('bad input', () => {
  for (const [what, names, words] of [
    ['a URL', ['https://registry.test'], /is not a host name or an address/],
    ['a port', ['registry.test:5000'], /is not a host name or an address/],
    ['an address out of range', ['300.0.2.1'], /is not a host name or an address/],
    ['an empty name', [''], /is not a host name or an address/],
    ['a name outside what the CA may vouch for', ['registry.example.com'], /the CA may not vouch for registry\.example\.com/],
  ] as const) {
    test(`${what} is refused, and nothing is issued`, async () => {
      const limited = join(folder, 'limited')
      await lacre(['ca', 'init', '--pki', limited, '--no-passphrase', '--permit', 'test'])
      refused(await lacre(['cert', 'issue', 'server', ...names, '--pki', limited]), words)
      assert.equal(JSON.parse(await ok('cert', 'list', '--pki', limited, '--json')).length, 1)
    })
  }

  test('an address with DNS: in front is an address, a trailing dot is none, and an underscore gets a word', async () => {
    const { names, warnings } = JSON.parse(await ok('cert', 'issue', 'server', 'DNS:192.0.2.1', 'dot.test.', 'my_registry.test', '--pki', pki, '--json'))
    assert.deepEqual(names, ['ip:192.0.2.1', 'dns:dot.test', 'dns:my_registry.test'])
    assert.match(warnings.join(), /my_registry\.test has an underscore: no docker reference can hold such a name/)
  })

  test('500 names are 500 names', async () => {
    const many = Array.from({ length: 500 }, (_each, index) => `n${index}.test`)
    await ok('cert', 'issue', 'server', ...many, '--pki', pki)
    await runOk('openssl', ['verify', '-x509_strict', '-CAfile', caPath, '-verify_hostname', 'n499.test', join(pki, 'issued/n0.test/server.crt')])
  })

  test('a wrong passphrase, and none, end with 1 and issue nothing', async () => {
    const secret = join(folder, 'secret')
    const environment = { RIGHT: 'right', WRONG: 'wrong' }
    assert.equal((await lacre(['ca', 'init', '--pki', secret, '--passphrase-env', 'RIGHT'], { environment })).status, 0)
    const issue = ['cert', 'issue', 'server', 'registry.test', '--pki', secret]
    refused(await lacre([...issue, '--passphrase-env', 'WRONG'], { environment }), /the passphrase for .*ca\.key is wrong/)
    refused(await lacre(issue), /is encrypted, and nobody told its passphrase/)
    assert.equal((await lacre([...issue, '--passphrase-env', 'RIGHT'], { environment })).status, 0)
    assert.equal(JSON.parse(await ok('cert', 'list', '--pki', secret, '--json')).length, 2)
  })

  test('three wrong passphrases at a terminal are enough', async () => {
    const secret = join(folder, 'asked')
    const environment = { RIGHT: 'right' }
    assert.equal((await lacre(['ca', 'init', '--pki', secret, '--passphrase-env', 'RIGHT'], { environment })).status, 0)
    const issue = ['cert', 'issue', 'server', 'registry.test', '--pki', secret]
    const refusal = await type(issue, { 'Passphrase for': 'a', 'attempt 2 of 3': 'b', 'attempt 3 of 3': 'c' })
    assert.equal(refusal.status, 1, refusal.output)
    assert.match(refusal.output, /the passphrase for .*ca\.key is wrong/)
    assert.equal((await type(issue, { 'Passphrase for': 'a', 'attempt 2 of 3': 'right' })).status, 0)
  })

  test('a certificate that is cut short is explained', async () => {
    const path = join(folder, 'cut.crt')
    await writeFile(path, (await readFile(caPath, 'utf8')).slice(0, 300))
    refused(await lacre(['cert', 'show', path]), /holds no whole certificate/)
  })
})

describe('the later life of a certificate', () => {
  const home = join(folder, 'later')
  const certificate = async () => new X509Certificate(await readFile(join(home, 'issued/registry.test/server.crt')))

  before(async () => {
    for (const line of [
      ['ca', 'init', '--no-passphrase'],
      ['cert', 'issue', 'server', 'registry.test'],
    ])
      await ok(...line, '--pki', home)
  })

  test('one more name keeps the key; what was there is kept', async () => {
    const old = await certificate()
    await ok('cert', 'issue', 'server', 'registry.test', '--add', 'mirror.test', '--pki', home)
    const renewed = await certificate()
    assert.ok(renewed.publicKey.equals(old.publicKey))
    assert.equal(renewed.subjectAltName, 'DNS:registry.test, DNS:mirror.test')
    assert.ok((await readdir(join(home, 'issued/registry.test'))).some((name) => name.startsWith('server.crt.backup-')))
  })

  test('renewing keeps key and names, --rekey makes a new key, --due leaves alone what is young', async () => {
    const old = await certificate()
    assert.match(await ok('cert', 'renew', '--due', '--pki', home), /nothing is due/)
    await ok('cert', 'renew', 'registry.test', '--pki', home)
    const renewed = await certificate()
    assert.notEqual(renewed.serialNumber, old.serialNumber)
    assert.ok(renewed.publicKey.equals(old.publicKey))
    await ok('cert', 'renew', '--all', '--rekey', '--pki', home)
    const rekeyed = await certificate()
    assert.ok(!rekeyed.publicKey.equals(old.publicKey))
    assert.ok(rekeyed.checkPrivateKey(createPrivateKey(await readFile(join(home, 'issued/registry.test/server.key')))))
  })

  test('what the end of the CA had cut short lasts as long as usual once the CA does', async () => {
    const short = join(folder, 'short')
    await ok('ca', 'init', '--pki', short, '--no-passphrase', '--days', '10')
    await ok('cert', 'issue', 'client', 'alice', '--pki', short)
    await ok('ca', 'renew', '--pki', short)
    await ok('cert', 'renew', 'alice', '--pki', short)
    const { validToDate } = new X509Certificate(await readFile(join(short, 'issued/alice/client.crt')))
    assert.ok(validToDate.getTime() > Date.now() + 89 * 86_400_000)
  })

  test('revoking needs a name or serial that there is, and openssl heeds the list', async () => {
    const { serialNumber } = await certificate()
    refused(await lacre(['cert', 'revoke', 'nobody', '--pki', home]), /no certificate in use has the serial or name "nobody"/)
    await ok('cert', 'revoke', serialNumber, '--reason', 'superseded', '--pki', home)
    const checked = await run('openssl', [
      'verify',
      '-crl_check',
      '-CRLfile',
      join(home, 'crl.pem'),
      '-CAfile',
      join(home, 'ca/ca.crt'),
      join(home, 'issued/registry.test/server.crt'),
    ])
    assert.match(checked.stderr, /certificate revoked/)
    refused(await lacre(['cert', 'renew', 'registry.test', '--pki', home]), /is revoked/)
  })
})

test('ten commands at once issue ten certificates', async () => {
  const many = join(folder, 'at-once')
  await ok('ca', 'init', '--pki', many, '--no-passphrase')
  await Promise.all(Array.from({ length: 10 }, (_each, index) => ok('cert', 'issue', 'client', `client${index}`, '--pki', many)))
  const entries = JSON.parse(await ok('cert', 'list', '--pki', many, '--json')) as { serial: string }[]
  assert.equal(new Set(entries.map(({ serial }) => serial)).size, 11)
})

test('every writing command tells with --dry-run what it would do, and does nothing', async () => {
  const before = await runOk('find', [folder, '-type', 'f', '!', '-name', 'ledger.db*'])
  const out = join(folder, 'dry')
  for (const line of [
    ['issue', 'server', 'dry.test', '--pki', pki],
    ['issue', 'server', 'registry.test', '--add', 'dry.test', '--pki', pki],
    ['issue', 'client', 'bob', '--pki', pki],
    ['self-signed', 'dry.test', '--out', out],
    ['request', 'dry.test', '--out', out],
    ['renew', '--all', '--pki', pki],
    ['revoke', 'alice', '--pki', pki],
    ['export', 'trust', '--to', out, '--pki', pki],
    ['import', '--cert', join(pki, 'issued/alice/client.crt'), '--key', join(pki, 'issued/alice/client.key'), '--out', out],
  ]) {
    const told = JSON.parse(await ok('cert', ...line, '--dry-run', '--json'))
    assert.equal(told.dryRun, true, line.join(' '))
  }
  assert.equal(await runOk('find', [folder, '-type', 'f', '!', '-name', 'ledger.db*']), before)
})

/** Runs lacre on a terminal, and answers each prompt, once, with a line. */
async function type(args: readonly string[], answers: Readonly<Record<string, string>>): Promise<{ status: number | null; output: string }> {
  const command = [process.execPath, resolve('src/main.ts'), ...args].map((word) => `'${word}'`).join(' ')
  const child = spawn('script', ['--quiet', '--return', '--command', `stty cols 120 rows 40; ${command}`, '/dev/null'], { timeout: 30_000 })
  const left = new Map(Object.entries(answers))
  let output = ''
  for await (const part of child.stdout) {
    output += part
    for (const [prompt, answer] of left) {
      if (!output.includes(prompt)) break
      left.delete(prompt)
      child.stdin.write(`${answer}\r`)
    }
  }
  return { status: child.exitCode ?? (await once(child, 'exit'))[0], output }
}
