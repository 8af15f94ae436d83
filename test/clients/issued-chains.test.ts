/** Real clients that trust an authority alone, against a server with what it has issued, for every kind of key. */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { createPublicKey } from 'node:crypto'
import { once } from 'node:events'
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { createServer, get, type Server } from 'node:https'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { promisify } from 'node:util'
import { createAuthority } from '../../src/pki/authority.ts'
import { type KeyKind, keyKinds, makeKey } from '../../src/pki/key-kind.ts'
import { parsePermits } from '../../src/pki/name-constraints.ts'
import { parseCertificateNames } from '../../src/pki/names.ts'
import { openLedger } from '../support/ledger-file.ts'

const run = promisify(execFile)

interface Chain {
  readonly kind: KeyKind
  readonly ca: string
  readonly port: number
}

const CLIENT = `
import java.net.*;
import javax.net.ssl.HttpsURLConnection;
public class Client {
  public static void main(String[] urls) throws Exception {
    for (String url : urls) {
      try {
        System.out.println(((HttpsURLConnection) new URL(url).openConnection(Proxy.NO_PROXY)).getResponseCode());
      } catch (Exception e) {
        System.out.println(e.getMessage());
      }
    }
  }
}`

describe('what an authority issues', () => {
  let folder: string
  const servers: Server[] = []
  const chains: Chain[] = []

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'lacre-issued-'))
    for (const kind of keyKinds) chains.push(await serve(kind))
  })

  after(async () => {
    for (const server of servers) server.close()
    await rm(folder, { recursive: true, force: true })
  })

  /** A server for localhost and 127.0.0.1, with a chain of one kind of key below a CA that is limited to private names. */
  async function serve(kind: KeyKind): Promise<Chain> {
    const directory = join(folder, kind.replace(':', '-'))
    using ledger = openLedger(directory)
    const authority = await createAuthority({ directory, ledger, name: `CA ${kind}`, kind, permit: parsePermits(['intranet', '10.0.0.0/8']) })
    const key = await makeKey(kind)
    const names = parseCertificateNames(['registry.intranet', 'localhost', '127.0.0.1', '::1'])
    const { certificate } = await authority.issue({ profile: 'server', names, publicKey: createPublicKey(key) })
    const server = createServer({ cert: certificate.toString(), key: key.export({ type: 'pkcs8', format: 'pem' }) }, (request, response) => {
      response.setHeader('content-type', 'application/json')
      response.end(request.url?.includes('/tags/list') ? '{"name":"app","tags":["latest"]}' : '{}')
    })
    servers.push(server)
    await once(server.listen(0, '127.0.0.1'), 'listening')
    return { kind, ca: join(directory, 'ca/ca.crt'), port: (server.address() as AddressInfo).port }
  }

  for (const kind of keyKinds) {
    const chain = () => chains.find((each) => each.kind === kind) ?? assert.fail(kind)

    test(`${kind}: curl and Node accept it by name and by address`, async () => {
      const { ca, port } = chain()
      for (const host of ['localhost', '127.0.0.1']) {
        const { stdout } = await run('curl', ['-sS', '--noproxy', '*', '--cacert', ca, '-o', '/dev/null', '-w', '%{http_code}', `https://${host}:${port}/`])
        assert.equal(stdout, '200')
        const request = get({ host: '127.0.0.1', servername: host === 'localhost' ? host : '', port, ca: await readFile(ca), agent: false })
        await once(request, 'response')
      }
    })

    test(`${kind}: skopeo accepts it, with the CA in a folder for certificates, and not without`, async () => {
      const { ca, port } = chain()
      const certificates = join(folder, `certs-${port}`)
      await mkdir(certificates)
      const list = (...more: string[]) => run('skopeo', ['list-tags', ...more, `docker://localhost:${port}/app`])
      await assert.rejects(list('--cert-dir', certificates), /certificate signed by unknown authority/)
      await writeFile(join(certificates, 'ca.crt'), await readFile(ca))
      assert.deepEqual((JSON.parse((await list('--cert-dir', certificates)).stdout) as { Tags: string[] }).Tags, ['latest'])
    })
  }

  test('Java accepts all of them by name and by address, with the CAs in a keystore', async (t) => {
    if (!(await run('javac', ['-version']).catch(() => undefined))) return t.skip('there is no JDK')
    const store = join(folder, 'trust.jks')
    const password = ['-storepass', 'changeit']
    for (const { kind, ca } of chains) await run('keytool', ['-importcert', '-noprompt', '-keystore', store, ...password, '-alias', kind, '-file', ca])
    const source = join(folder, 'Client.java')
    await writeFile(source, CLIENT)
    const urls = chains.flatMap(({ port }) => [`https://localhost:${port}/`, `https://127.0.0.1:${port}/`])
    const { stdout } = await run('java', [`-Djavax.net.ssl.trustStore=${store}`, '-Djavax.net.ssl.trustStorePassword=changeit', source, ...urls])
    assert.deepEqual(
      stdout.trim().split('\n'),
      urls.map(() => '200'),
    )
  })
})
