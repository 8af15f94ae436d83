import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { hash } from '@node-rs/bcrypt'
import { run } from '../clients/support/command.ts'
import { freePort, type RegistryProgram } from '../clients/support/registry-server.ts'
import { CertificateFolder, type TestCertificate } from '../support/certificates.ts'
import { permissiveConfiguration } from './configuration.ts'
import { nameOf } from './measure-walk.ts'
import type { SuiteCounts, SuiteMeasure } from './report.ts'

/** As `OCI_VERSION` names them. */
export const suiteVersions = ['1.0', '1.1', 'dev'] as const

const user = 'alice'
const password = 's3cret'
const RUN_LIMIT_MS = 180_000

/** Runs the suite against a registry on an empty volume, over HTTPS, with a password. */
export async function runSuite(program: RegistryProgram, suite: string, version: string, folder: string): Promise<SuiteMeasure> {
  await mkdir(folder, { recursive: true })
  await using certificates = await CertificateFolder.make()
  const authority = await certificates.issue('authority', { profile: 'authority', names: [] })
  const certificate = await certificates.issue('server', { issuer: authority })
  const server = await startServer(program, certificate, authority.cert, folder)
  const host = new URL(server.endpoint.url).host
  try {
    const env = environmentFor(host, authority.certificate, version, folder)
    const { stdout, stderr } = await run(suite, [], { cwd: folder, env, timeoutMs: RUN_LIMIT_MS })
    const counts = readCounts(stdout)
    if (!counts) throw new Error(`the suite did not end with its counts:\n${stdout.slice(-2000)}${stderr.slice(-2000)}`)
    const cases = readCases(await readFile(join(folder, 'results/junit.xml'), 'utf8'))
    return { name: await nameOf(program), version, counts, ...cases }
  } finally {
    await server.stop()
  }
}

async function startServer(program: RegistryProgram, certificate: TestCertificate, ca: string, folder: string) {
  const port = await freePort('127.0.0.1')
  const passwords = join(folder, 'htpasswd')
  await writeFile(passwords, `${user}:${await hash(password, 5)}\n`)
  const tls = `  tls: {certificate: ${certificate.certificate}, key: ${certificate.key}}\n`
  const auth = `auth: {htpasswd: {realm: conformance, path: ${passwords}}}\n`
  const configuration = permissiveConfiguration(`127.0.0.1:${port}`, join(folder, 'data'), tls) + auth
  return program.start({ configuration, folder, endpoint: { url: `https://127.0.0.1:${port}`, ca, user, password } })
}

function environmentFor(host: string, ca: string, version: string, folder: string): Record<string, string> {
  return {
    SSL_CERT_FILE: ca,
    OCI_REGISTRY: host,
    OCI_TLS: 'enabled',
    OCI_USERNAME: user,
    OCI_PASSWORD: password,
    OCI_REPO1: 'conformance/one',
    OCI_REPO2: 'conformance/two',
    OCI_RESULTS_DIR: join(folder, 'results'),
    OCI_VERSION: version,
  }
}

/** The table at the end of the suite's output: `  Pass....: 703`. */
function readCounts(output: string): SuiteCounts | undefined {
  const count = (status: string) => Number(new RegExp(`^ +${status}\\.*: +(\\d+)$`, 'm').exec(output)?.[1] ?? Number.NaN)
  const counts = { pass: count('Pass'), fail: count('FAIL'), skip: count('Skip'), error: count('Error'), disabled: count('Disabled') }
  return Object.values(counts).some(Number.isNaN) ? undefined : counts
}

/** The names of the tests in `junit.xml` that did not pass. What the configuration disables is no test. */
function readCases(xml: string): Pick<SuiteMeasure, 'failed' | 'skipped'> {
  const cases = [...xml.matchAll(/<testcase ([^>]*)>/g)].map(([, attributes = '']) => ({
    name: attributeOf(attributes, 'name').replace(/^[^/]*\//, ''), // the first part is the suite's own name
    status: attributeOf(attributes, 'status'),
  }))
  const named = (statuses: readonly string[]) => cases.filter(({ status }) => statuses.includes(status)).map(({ name }) => name)
  return { failed: named(['failure', 'error']), skipped: named(['skipped']) }
}

function attributeOf(attributes: string, key: string): string {
  const text = new RegExp(`(?:^| )${key}="([^"]*)"`).exec(attributes)?.[1] ?? ''
  return text.replaceAll('&#34;', '"').replaceAll('&#39;', "'").replaceAll('&lt;', '<').replaceAll('&gt;', '>').replaceAll('&amp;', '&')
}
