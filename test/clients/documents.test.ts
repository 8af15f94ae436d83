import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { type Certificate, makeNameOnlyCertificate, makeSanCertificate, makeSignedCertificate } from './support/certificates.ts'
import { type Clients, openClients, trust } from './support/clients.ts'
import { password, startDocumented, user } from './support/documented-registry.ts'
import { addHostNames, hostName4 } from './support/host-names.ts'
import { type Images, makeImages } from './support/images.ts'
import { pushBlob } from './support/registry-client.ts'
import { distribution, freePort, type RunningServer, underTest } from './support/registry-server.ts'

/** The 401 to `curl -k https://registry.test/v2/_catalog`, as it is printed in a tutorial of 2018. */
const CATALOG_REFUSAL =
  '{"errors":[{"code":"UNAUTHORIZED","message":"authentication required","detail":[{"Type":"registry","Class":"","Name":"catalog","Action":"*"}]}]}\n'

let folder: string
let clients: Clients
let images: Images

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'lacre-documents-'))
  await addHostNames()
  clients = await openClients(join(folder, 'clients'))
  images = await makeImages(join(folder, 'images'))
})

after(() => rm(folder, { recursive: true, force: true }))

async function start(name: string, certificate: Certificate, realm: string): Promise<RunningServer> {
  const port = await freePort('127.0.0.1')
  const endpoint = { url: `https://${hostName4}:${port}`, ca: certificate.caPem, user, password }
  return startDocumented({ dataDir: join(folder, name), certificate, address: `0.0.0.0:${port}`, endpoint, realm })
}

const host = (server: RunningServer): string => new URL(server.endpoint.url).host

describe('a certificate with a common name only, made by "openssl req -x509"', () => {
  let server: RunningServer
  let certificate: Certificate

  before(async () => {
    certificate = await makeNameOnlyCertificate(join(folder, 'name-only/certs'), hostName4)
    server = await start('name-only', certificate, 'LinuxSysadmin registry')
  })

  after(() => server.stop())

  test('curl without a password gets the refusal byte for byte', async () => {
    const { status, stdout } = await clients.curl('-k', `${server.endpoint.url}/v2/_catalog`)
    assert.deepEqual([status, stdout], [0, CATALOG_REFUSAL])
  })

  test('curl is told how to log in', async () => {
    const { stdout } = await clients.curl('-k', '-D', '-', '-o', '/dev/null', `${server.endpoint.url}/v2/`)
    assert.match(stdout, /^HTTP\S+ 401/)
    assert.match(stdout, /^www-authenticate: Basic realm="LinuxSysadmin registry"\r$/im)
    assert.match(stdout, /^docker-distribution-api-version: registry\/2\.0\r$/im)
  })

  test('curl with the password sees the catalog', async () => {
    const { stdout } = await clients.curl('-k', '-u', `${user}:${password}`, `${server.endpoint.url}/v2/_catalog`)
    assert.equal(stdout, '{"repositories":[]}\n')
  })

  test('curl that trusts the certificate needs no -k', async () => {
    const { status } = await clients.curl('--cacert', certificate.ca, '-u', `${user}:${password}`, `${server.endpoint.url}/v2/`)
    assert.equal(status, 0)
  })

  test('curl with a wrong password is refused', async () => {
    const { stdout } = await clients.curl('-k', '-u', `${user}:wrong`, `${server.endpoint.url}/v2/_catalog`)
    assert.equal(stdout, CATALOG_REFUSAL)
  })

  test('clients made with Go refuse it even when they trust it', async () => {
    await using _ = await trust(host(server), certificate.caPem)
    for (const client of ['skopeo', 'podman'] as const) {
      const { status, stderr } = await clients.login(client, host(server), user, password)
      assert.notEqual(status, 0)
      assert.match(stderr, /x509: certificate relies on legacy Common Name field, use SANs/)
    }
  })

  test('a client that is told not to look pushes and pulls', async () => {
    const image = `docker://${host(server)}/alpine:latest`
    const account = `${user}:${password}`
    const push = await clients.skopeo('copy', '--dest-tls-verify=false', `--dest-creds=${account}`, `oci:${images.small}:v1`, image)
    assert.equal(push.status, 0, push.stderr)
    const { stdout } = await clients.curl('-k', '-u', account, `${server.endpoint.url}/v2/_catalog`)
    assert.equal(stdout, '{"repositories":["alpine"]}\n')
    const pull = await clients.skopeo('copy', '--src-tls-verify=false', `--src-creds=${account}`, image, `dir:${join(folder, 'pulled')}`)
    assert.equal(pull.status, 0, pull.stderr)
  })

  test('the log says what clients will say, and what to do', { skip: underTest === distribution }, () => {
    assert.match(server.output(), /domain\.crt/)
    assert.match(server.output(), /subject ?alt(ernative)? ?name|\bSANs?\b/i)
  })
})

describe("a CA's own certificate as the server's", () => {
  test('it starts, and a client that trusts it and does not verify names gets in', async () => {
    const made = await makeSignedCertificate(join(folder, 'authority/certs'), [hostName4])
    const certificate = { ...made, certificate: made.ca, key: join(folder, 'authority/certs/ca.key') }
    const server = await start('authority', certificate, 'Registry Realm')
    const { stdout } = await clients.curl('-k', '-u', `${user}:${password}`, `${server.endpoint.url}/v2/`)
    await server.stop()
    assert.equal(stdout.trim(), '{}')
  })
})

describe('a certificate signed by an own CA', () => {
  test('clients that trust the CA log in', async () => {
    const certificate = await makeSignedCertificate(join(folder, 'signed/certs'), [hostName4])
    const server = await start('signed', certificate, 'Registry Realm')
    await using _ = await trust(host(server), certificate.caPem)
    const { status, stdout, stderr } = await clients.login('podman', host(server), user, password)
    await server.stop()
    assert.deepEqual([status, stdout.trim()], [0, 'Login Succeeded!'], stderr)
  })
})

describe('a certificate with names, in the storage root beside the passwords', () => {
  let server: RunningServer

  before(async () => {
    server = await start('san', await makeSanCertificate(join(folder, 'san/certs'), ['localhost', hostName4]), 'Registry Realm')
  })

  after(() => server.stop())

  test('a client that verifies gets in', async () => {
    const { status } = await clients.curl('--cacert', join(folder, 'san/certs/registry_auth.crt'), '-u', `${user}:${password}`, server.endpoint.url)
    assert.equal(status, 0)
  })

  test('deletion is off, as it is in registry:2', async () => {
    const digest = await pushBlob(server.endpoint, 'team/app', Buffer.from('bytes'))
    const url = `${server.endpoint.url}/v2/team/app/blobs/${digest}`
    const { stdout } = await clients.curl('-k', '-u', `${user}:${password}`, '-X', 'DELETE', '-w', ' %{http_code}', url)
    assert.match(stdout, /"code":"UNSUPPORTED","message":"The operation is unsupported\."[\s\S]* 405$/)
  })

  test('certificates and passwords in the storage root are not served', async () => {
    for (const path of ['certs/registry_auth.key', 'auth/registry.password', '../certs/registry_auth.key', 'v2/../auth/registry.password']) {
      const { stdout } = await clients.curl('-k', '--path-as-is', '-u', `${user}:${password}`, `${server.endpoint.url}/${path}`)
      assert.doesNotMatch(stdout, /PRIVATE KEY|\$2y\$/)
    }
  })
})
