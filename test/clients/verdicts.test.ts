/** What lacre says that Go, OpenSSL and Java will say of a certificate, held against what they say. */
import assert from 'node:assert/strict'
import { X509Certificate } from 'node:crypto'
import { once } from 'node:events'
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { createServer, type Server } from 'node:https'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { judge } from '../../src/pki/verdict.ts'
import { run, runOk } from './support/command.ts'

const folder = await mkdtemp(join(tmpdir(), 'lacre-verdicts-'))
const servers: Server[] = []
after(async () => {
  for (const server of servers) server.close()
  await rm(folder, { recursive: true, force: true })
})

interface Situation {
  readonly title: string
  /** The subject, and what `openssl req -addext` is given. */
  readonly subject: string
  readonly extensions?: readonly string[]
  readonly key?: readonly string[]
  readonly host?: string
  /** `self` for a certificate that signs itself, `limited` for a CA with name constraints, `stranger` for one nobody trusts. */
  readonly issuer?: 'self' | 'limited' | 'stranger'
  readonly days?: number
  /** Who accepts it, of go, openssl, java and browsers. */
  readonly accepted: readonly string[]
}

const P256 = ['ec', '-pkeyopt', 'ec_paramgen_curve:P-256']
const EVERYBODY = ['go', 'openssl', 'java', 'browsers']
const SERVER = ['basicConstraints=critical,CA:FALSE', 'extendedKeyUsage=serverAuth']

const situations: readonly Situation[] = [
  { title: 'a good one', subject: '/CN=localhost', extensions: [...SERVER, 'subjectAltName=DNS:localhost'], accepted: EVERYBODY },
  {
    title: 'a good one asked by its address',
    subject: '/CN=x',
    extensions: [...SERVER, 'subjectAltName=IP:127.0.0.1'],
    host: '127.0.0.1',
    accepted: EVERYBODY,
  },
  { title: 'the host as CN alone', subject: '/CN=localhost', extensions: SERVER, accepted: ['openssl', 'java'] },
  { title: 'two hosts with a comma in one CN', subject: '/CN=localhost,registry.intranet', extensions: SERVER, accepted: [] },
  { title: 'another host', subject: '/CN=localhost', extensions: [...SERVER, 'subjectAltName=DNS:a.test,DNS:b.test'], accepted: [] },
  { title: 'an address and no DNS name for localhost', subject: '/CN=localhost', extensions: [...SERVER, 'subjectAltName=IP:127.0.0.1'], accepted: ['java'] },
  { title: 'a name, asked by its address', subject: '/CN=x', extensions: [...SERVER, 'subjectAltName=DNS:localhost'], host: '127.0.0.1', accepted: [] },
  { title: 'an address as DNS name', subject: '/CN=x', extensions: [...SERVER, 'subjectAltName=DNS:127.0.0.1'], host: '127.0.0.1', accepted: [] },
  { title: 'another address', subject: '/CN=x', extensions: [...SERVER, 'subjectAltName=IP:192.0.2.1'], host: '127.0.0.1', accepted: [] },
  { title: "a client's certificate", subject: '/CN=x', extensions: ['extendedKeyUsage=clientAuth', 'subjectAltName=DNS:localhost'], accepted: [] },
  { title: 'one of an unknown CA', subject: '/CN=x', extensions: ['subjectAltName=DNS:localhost'], issuer: 'stranger', accepted: [] },
  {
    title: 'a name that the CA may not vouch for',
    subject: '/CN=x',
    extensions: ['subjectAltName=DNS:localhost,DNS:b.test'],
    issuer: 'limited',
    accepted: ['java'],
  },
  {
    title: 'a self-signed one of openssl',
    subject: '/CN=localhost',
    extensions: ['subjectAltName=DNS:localhost'],
    issuer: 'self',
    accepted: ['go', 'openssl', 'java'],
  },
  { title: "a CA's own certificate", subject: '/CN=registry.ca', extensions: ['keyUsage=critical,keyCertSign'], issuer: 'self', accepted: [] },
  { title: 'an Ed25519 key', subject: '/CN=x', extensions: ['subjectAltName=DNS:localhost'], key: ['ed25519'], accepted: ['go', 'openssl', 'java'] },
  { title: 'a short RSA key', subject: '/CN=x', extensions: ['subjectAltName=DNS:localhost'], key: ['rsa:1024'], accepted: ['go', 'java'] },
  { title: 'a signature with SHA-1', subject: '/CN=x', extensions: ['subjectAltName=DNS:localhost'], key: [...P256, '-sha1'], accepted: ['java'] },
  { title: 'four years', subject: '/CN=x', extensions: ['subjectAltName=DNS:localhost'], days: 1461, accepted: ['go', 'openssl', 'java'] },
]

async function makeCertificate(name: string, { subject, extensions = [], key = P256, days = 90 }: Omit<Situation, 'title' | 'accepted'>, issuer?: string) {
  const at = (suffix: string) => join(folder, `${name}.${suffix}`)
  const options = [
    '-nodes',
    '-days',
    String(days),
    '-subj',
    subject,
    '-keyout',
    at('key'),
    '-out',
    at('crt'),
    ...extensions.flatMap((each) => ['-addext', each]),
  ]
  const signer = issuer ? ['-CA', join(folder, `${issuer}.crt`), '-CAkey', join(folder, `${issuer}.key`)] : []
  await runOk('openssl', ['req', '-x509', '-newkey', ...key, ...options, ...signer])
}

interface Tried {
  readonly situation: Situation
  readonly ca: string
  readonly port: number
  readonly chain: X509Certificate[]
}

const tried: Tried[] = []
let java: string[] = []
before(async () => {
  const ca = ['keyUsage=critical,keyCertSign,cRLSign']
  await makeCertificate('ca', { subject: '/CN=ca', extensions: ca })
  await makeCertificate('stranger', { subject: '/CN=stranger', extensions: ca })
  await makeCertificate('limited', { subject: '/CN=limited', extensions: [...ca, 'nameConstraints=critical,permitted;DNS:localhost'] })
  for (const [number, situation] of situations.entries()) tried.push(await serve(`server${number}`, situation))
  java = (await runOk('java', [join(import.meta.dirname, 'support/FetchAll.java'), ...tried.flatMap((each) => [each.ca, urlOf(each)])])).split('\n')
})

async function serve(name: string, situation: Situation): Promise<Tried> {
  const issuer = situation.issuer === 'self' ? undefined : (situation.issuer ?? 'ca')
  await makeCertificate(name, situation, issuer)
  const [cert, key] = [await readFile(join(folder, `${name}.crt`), 'utf8'), await readFile(join(folder, `${name}.key`), 'utf8')]
  const server = createServer({ cert, key, ciphers: 'DEFAULT:@SECLEVEL=0' }, (_request, response) => response.end('{}')).listen(0, '127.0.0.1')
  servers.push(server)
  await once(server, 'listening')
  const ca = join(folder, `${issuer === undefined ? name : issuer === 'stranger' ? 'ca' : issuer}.crt`)
  return { situation, ca, port: (server.address() as AddressInfo).port, chain: [new X509Certificate(cert)] }
}

function urlOf({ situation, port }: Tried): string {
  return `https://${situation.host ?? 'localhost'}:${port}/`
}

/** What each program says; nothing when it accepts. */
const programs = {
  async go({ situation, port, ca }: Tried) {
    const trust = join(folder, `trust-${port}`)
    await mkdir(trust)
    await writeFile(join(trust, 'ca.crt'), await readFile(ca))
    const host = `${situation.host ?? 'localhost'}:${port}`
    const { stderr } = await run('skopeo', ['inspect', '--no-creds', '--cert-dir', trust, `docker://${host}/a/b:c`])
    return stderr.includes('x509: ') || stderr.includes('tls: ') ? stderr.replaceAll('\\"', '"') : ''
  },
  async openssl(each: Tried) {
    return (await run('curl', ['--silent', '--show-error', '--cacert', each.ca, '--output', '/dev/null', urlOf(each)])).stderr
  },
  async java(each: Tried) {
    const words = java[tried.indexOf(each)] ?? ''
    return words === 'ok' ? '' : words
  },
}

for (const [number, situation] of situations.entries()) {
  test(`${situation.title} is judged as Go, OpenSSL and Java do`, async () => {
    const each = tried[number] as Tried
    const trusted = [new X509Certificate(await readFile(each.ca))]
    const { verdicts, reasons } = judge(each.chain, { host: situation.host ?? 'localhost', trusted })
    assert.deepEqual(
      verdicts.filter(({ refusal }) => !refusal).map(({ verifier }) => verifier),
      situation.accepted,
    )
    assert.equal(reasons.length > 0, situation.accepted.length < EVERYBODY.length)
    for (const { verifier, refusal } of verdicts) {
      if (verifier === 'browsers') continue
      const said = await programs[verifier](each)
      if (refusal) for (const part of refusal.split(': ')) assert.ok(said.includes(part), `${verifier} says ${said || 'nothing'}, not: ${refusal}`)
      else assert.equal(said, '', `${verifier} refuses`)
    }
  })
}
