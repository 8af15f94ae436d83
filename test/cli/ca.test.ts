import assert from 'node:assert/strict'
import { X509Certificate } from 'node:crypto'
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { lacre, lacreEach, Workplace } from './support/lacre.ts'

function text(...path: string[]): string {
  return readFileSync(join(...path), 'utf8')
}

test('lacre ca makes a CA, shows it and puts it into the files of every kind of client', async () => {
  await using place = await Workplace.make()
  const pki = ['--pki', join(place.folder, 'pki')]
  const out = join(place.folder, 'out')
  const [made, shown, printed, docker, containerd, der] = await lacreEach([
    ['ca', 'init', ...pki, '--no-passphrase', '--name', 'SINGLETON CA', '--subject', 'C=FR,O=SINGLETON,OU=R&D', '--permit', 'intranet', '10.0.0.0/8'],
    ['ca', 'show', ...pki, '--json'],
    ['ca', 'export', ...pki],
    ['ca', 'export', ...pki, '--format', 'docker', '--host', 'registry.intranet:5000', '--out', out],
    ['ca', 'export', ...pki, '--format', 'containerd', '--host', 'registry.intranet:5000', '--out', out],
    ['ca', 'export', ...pki, '--format', 'der', '--out', out],
  ])
  assert.deepEqual([made?.status, made?.stderr], [0, ''])
  assert.match(made?.stdout ?? '', /^subject +C=FR, O=SINGLETON, OU=R&D, CN=SINGLETON CA$/m)
  assert.match(made?.stdout ?? '', /^permits +intranet, localhost, 10\.0\.0\.0\/8, 127\.0\.0\.0\/8, ::1\/128$/m)
  const ca = new X509Certificate(text(place.folder, 'pki/ca/ca.crt'))
  const { sha256 } = JSON.parse(shown?.stdout ?? '') as { sha256: string }
  assert.equal(sha256, ca.fingerprint256.replaceAll(':', '').toLowerCase())
  assert.equal(printed?.stdout, ca.toString())
  assert.equal(text(out, 'registry.intranet:5000/ca.crt'), ca.toString())
  assert.match(text(out, 'registry.intranet_5000_/hosts.toml'), /ca = "ca\.crt"/)
  assert.deepEqual(readFileSync(join(out, 'ca.der')), ca.raw)
  assert.match(der?.stdout ?? '', /keytool -importcert .*ca\.der/)
  assert.deepEqual([docker?.status, containerd?.status], [0, 0])
  assert.equal(statSync(join(place.folder, 'pki/ca/ca.key')).mode & 0o777, 0o600)
})

test('lacre ca rotate goes from one CA to another in steps, each of which says what comes next', async () => {
  await using place = await Workplace.make()
  const pki = ['--pki', join(place.folder, 'pki')]
  const step = (name: string, ...more: string[]) => ['ca', 'rotate', name, ...pki, ...more]
  const done = await lacreEach([
    ['ca', 'init', ...pki, '--no-passphrase', '--permit', 'intranet'],
    step('switch'),
    step('prepare', '--no-passphrase', '--permit', 'lan'),
    step('status', '--json'),
    step('switch'),
    step('finish'),
    ['ca', 'renew', ...pki, '--days', '30'],
    ['ca', 'crl', ...pki, '--json'],
    ['ca', 'show', ...pki],
  ])
  assert.deepEqual(
    done.map(({ status }) => status),
    [0, 1, 0, 0, 0, 0, 0, 0, 0],
  )
  const [, early, prepared, status, switched, finished, renewed, list, shown] = done.map(({ stdout, stderr }) => stdout + stderr)
  assert.match(early ?? '', /no successor is prepared\nhint: .*prepare/)
  assert.match(prepared ?? '', /Give the bundle to all clients, then: lacre ca rotate switch/)
  assert.equal((JSON.parse(status ?? '') as { phase: string }).phase, 'prepared')
  assert.match(switched ?? '', /leaves +CN=lacre CA \d{4}\n/)
  assert.match(finished ?? '', /no rotation is under way/)
  assert.match(renewed ?? '', /Give this certificate to all clients/)
  assert.equal((JSON.parse(list ?? '') as { number: number }).number, 1)
  assert.match(shown ?? '', /^permits +intranet, localhost, lan,/m)
  assert.equal(text(place.folder, 'pki/ca/bundle.crt'), text(place.folder, 'pki/ca/ca.crt'))
})

test('with --dry-run nothing is written', async () => {
  await using place = await Workplace.make()
  const pki = ['--pki', join(place.folder, 'pki')]
  const [before] = await lacreEach([['ca', 'init', ...pki, '--dry-run']])
  assert.match(before?.stdout ?? '', /^would make the CA CN=lacre CA \d{4} in /)
  assert.equal(existsSync(join(place.folder, 'pki')), false)
  await lacreEach([['ca', 'init', ...pki, '--no-passphrase']])
  const files = readdirSync(join(place.folder, 'pki'), { recursive: true }).sort()
  const certificate = text(place.folder, 'pki/ca/ca.crt')
  const done = await lacreEach([
    ['ca', 'renew', ...pki, '--dry-run'],
    ['ca', 'crl', ...pki, '--dry-run'],
    ['ca', 'rotate', 'prepare', ...pki, '--dry-run'],
    ['ca', 'export', ...pki, '--dry-run', '--out', join(place.folder, 'out')],
  ])
  for (const { status, stdout } of done) assert.match(`${status} ${stdout}`, /^0 .*would/)
  assert.deepEqual(readdirSync(join(place.folder, 'pki'), { recursive: true }).sort(), files)
  assert.equal(text(place.folder, 'pki/ca/ca.crt'), certificate)
})

test('what cannot be done is told with a remedy, and looking makes no folder', async () => {
  await using place = await Workplace.make()
  const pki = ['--pki', join(place.folder, 'pki')]
  const cases = [
    [['ca', 'show', ...pki], 1, /there is no CA in .*pki\/ca\nhint: .*lacre ca init/],
    [['ca', 'rotate', 'status', ...pki], 1, /there is no CA/],
    [['ca', 'renew', ...pki], 1, /there is no CA/],
    [['ca', 'init', ...pki], 1, /hint: .*--passphrase-file/],
    [['ca', 'init', ...pki, '--key', 'dsa'], 1, /hint: one of ec:p256/],
    [['ca', 'init', ...pki, '--permit', '10.0.0.0/99'], 1, /is no network/],
    [['ca', 'init', ...pki, '--subject', 'SINGLETON'], 1, /is no part of a subject/],
    [['ca', 'init', ...pki, '--days', 'ten'], 2, /give a number of days/],
    [['ca', 'export', ...pki, '--format', 'docker'], 1, /there is no CA/],
  ] as const
  const done = await lacreEach(cases.map(([args]) => args))
  for (const [index, [args, status, sentence]] of cases.entries()) {
    assert.equal(done[index]?.status, status, args.join(' '))
    assert.match(done[index]?.stderr ?? '', sentence)
  }
  assert.equal(existsSync(join(place.folder, 'pki')), false)
})

test('an encrypted CA key wants its passphrase, and a wrong one ends with exit code 1', async () => {
  await using place = await Workplace.make()
  const [right, wrong] = [join(place.folder, 'right'), join(place.folder, 'wrong')]
  writeFileSync(right, 'correct horse\n')
  writeFileSync(wrong, 'battery staple\n')
  const pki = ['--pki', join(place.folder, 'pki')]
  const done = await lacreEach([
    ['ca', 'init', ...pki, '--passphrase-file', right],
    ['ca', 'crl', ...pki, '--passphrase-file', wrong],
    ['ca', 'crl', ...pki],
    ['ca', 'crl', ...pki, '--passphrase-file', right],
  ])
  assert.deepEqual(
    done.map(({ status }) => status),
    [0, 1, 1, 0],
  )
  assert.match(text(place.folder, 'pki/ca/ca.key'), /BEGIN ENCRYPTED PRIVATE KEY/)
})

test('of two lacre that make a CA at once, one does, and the other says that there is one', async () => {
  await using place = await Workplace.make()
  const args = ['ca', 'init', '--pki', join(place.folder, 'pki'), '--no-passphrase']
  const done = await Promise.all([lacre(args), lacre(args)])
  assert.deepEqual(done.map(({ status }) => status).sort(), [0, 1])
  assert.match(done.find(({ status }) => status === 1)?.stderr ?? '', /there is a CA in .* already/)
})

test('the help of every command about the CA fits 80 columns, and has an example', async () => {
  const commands = ['init', 'import', 'show', 'export', 'crl', 'rotate', 'rotate prepare', 'rotate switch', 'rotate finish', 'rotate status', 'renew']
  const done = await lacreEach(commands.map((command) => ['ca', ...command.split(' '), '--help']))
  for (const [index, { stdout }] of done.entries()) {
    assert.match(stdout, /Example|1\. lacre/, commands[index])
    for (const line of stdout.split('\n')) assert.ok(line.length <= 80, `${commands[index]}: ${line}`)
  }
})
