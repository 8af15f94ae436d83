import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { lacre, lacreEach, Workplace } from './support/lacre.ts'

const EMAIL = ['--acme', 'a@example.com']

const rows = [
  ['no host', EMAIL, /--acme needs the name that clients will use\nhint: .*lacre up --acme/],
  ['a wildcard', [...EMAIL, '*.example.com'], /no ACME server issues a certificate for \*\.example\.com here/],
  ['a name without a domain', [...EMAIL, 'registry'], /certificate for registry here\nhint: .*whole public names/],
  ['a private address', [...EMAIL, '10.0.0.1'], /cannot reach 10\.0\.0\.1.*\nhint: .*--acme-directory/],
  ['a private name', [...EMAIL, '--acme-staging', 'registry.intranet'], /cannot reach registry\.intranet/],
  ['a URL', [...EMAIL, 'https://registry.example.com/'], /\nhint: /],
  ['a directory of plain HTTP', [...EMAIL, 'registry.example.com', '--acme-directory', 'http://acme.example.com'], /is no https URL/],
  ['two servers', [...EMAIL, 'registry.example.com', '--acme-staging', '--acme-directory', 'https://acme.example.com'], /name two servers/],
  ['half a binding', [...EMAIL, 'registry.example.com', '--acme-eab-kid', 'k'], /give both --acme-eab-kid and --acme-eab-key-file/],
  ['an option of ACME alone', ['registry.example.com', '--acme-eab-kid', 'k'], /--acme-eab-kid goes with --acme\n/],
] as const

const place = await Workplace.make()
after(() => place[Symbol.asyncDispose]())
const finished = await lacreEach(rows.map(([, args]) => ['up', '--port', '0', '--data', place.data, ...args]))

for (const [index, [what, , said]] of rows.entries()) {
  test(`lacre up refuses ${what} for ACME, and says what to do`, () => {
    const done = finished[index]
    assert.deepEqual([done?.status, done?.stdout], [1, ''])
    assert.match(done?.stderr ?? '', said)
  })
}

test('lacre up does not begin with a binding key that is none, and does not show it', async () => {
  const key = join(place.data, '..', 'hmac')
  await writeFile(key, 'hush hush')
  const binding = ['--acme-eab-kid', 'k', '--acme-eab-key-file', key]
  const done = await lacre(['up', '--port', '0', '--data', place.data, ...EMAIL, 'registry.example.com', ...binding])
  assert.equal(done.status, 1)
  assert.match(done.stderr, /holds no HMAC key/)
  assert.doesNotMatch(done.stderr + done.stdout, /hush/)
})
