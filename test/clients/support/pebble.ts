import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { makeSignedCertificate } from './certificates.ts'
import { runOk, startBackground } from './command.ts'
import { freePort } from './registry-server.ts'

/** Where a registry must answer for pebble to believe that a name is its own: all names lead to 127.0.0.1. */
export interface Ports {
  readonly http: number
  readonly https: number
}

export interface PebbleOptions {
  /** Of the certificates it issues. */
  readonly validitySeconds?: number
  /** Key identifiers with their HMAC keys in base64url: who has none gets no account. */
  readonly bindings?: Readonly<Record<string, string>>
}

/** Let's Encrypt's test server, and a DNS server beside it. It refuses every fifth nonce, as the protocol lets it. */
export interface Pebble extends AsyncDisposable {
  readonly directoryUrl: string
  /** PEM file of the authority of its own address. */
  readonly authority: string
  /** PEM file of the root that it issues from. */
  readonly root: string
  readonly ports: Ports
  /** What it has written. */
  output(): string
  /** Makes a name lead elsewhere. */
  resolve(name: string, address: string): Promise<void>
}

export async function startPebble(folder: string, options: PebbleOptions = {}): Promise<Pebble> {
  const port = () => freePort('127.0.0.1')
  const [listen, management, dns, dnsManagement] = [await port(), await port(), await port(), await port()]
  const ports = { http: await port(), https: await port() }
  const { certificate, key, ca } = await makeSignedCertificate(join(folder, 'own'), ['localhost'])
  const configuration = {
    listenAddress: `127.0.0.1:${listen}`,
    managementListenAddress: `127.0.0.1:${management}`,
    certificate,
    privateKey: key,
    httpPort: ports.http,
    tlsPort: ports.https,
    ocspResponderURL: '',
    externalAccountBindingRequired: options.bindings !== undefined,
    ...(options.bindings && { externalAccountMACKeys: options.bindings }),
    ...(options.validitySeconds !== undefined && { certificateValidityPeriod: options.validitySeconds }),
  }
  const path = join(folder, 'pebble.json')
  await writeFile(path, JSON.stringify({ pebble: configuration }))
  const nothing = ['-http01', '', '-https01', '', '-tlsalpn01', '', '-defaultIPv6', '']
  const names = startBackground('pebble-challtestsrv', ['-dns01', `127.0.0.1:${dns}`, '-management', `127.0.0.1:${dnsManagement}`, ...nothing])
  const env = { PEBBLE_VA_NOSLEEP: '1', PEBBLE_WFE_NONCEREJECT: '20' }
  const server = startBackground('pebble', ['-config', path, '-dnsserver', `127.0.0.1:${dns}`], { env })
  const root = join(folder, 'root.pem')
  await until(() => runOk('curl', ['-sSf', '--cacert', ca, '-o', root, `https://localhost:${management}/roots/0`]), server.output)
  return {
    directoryUrl: `https://localhost:${listen}/dir`,
    authority: ca,
    root,
    ports,
    output: server.output,
    async resolve(host, address) {
      await runOk('curl', ['-sSf', '-d', JSON.stringify({ host, addresses: [address] }), `http://127.0.0.1:${dnsManagement}/add-a`])
    },
    async [Symbol.asyncDispose]() {
      await Promise.all([server.stop(), names.stop()])
    },
  }
}

/** Waits until something succeeds. @throws with `explain()` if it does not for half a minute. */
export async function until<T>(look: () => Promise<T>, explain: () => string): Promise<T> {
  for (const deadline = Date.now() + 30_000; ; await delay(50)) {
    try {
      return await look()
    } catch (cause) {
      if (Date.now() > deadline) throw new Error(`it has not come: ${String(cause)}\n${explain().slice(-6000)}`, { cause })
    }
  }
}
