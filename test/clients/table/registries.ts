import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type Certificate, makeAuthority, makeClientCertificate, makeSignedCertificate } from '../support/certificates.ts'
import { runOk } from '../support/command.ts'
import { addNetworkName, networkName } from '../support/host-names.ts'
import { makeImages, makeUnusualImages, makeWorkingImages } from '../support/images.ts'
import type { Endpoint } from '../support/registry-client.ts'
import { distribution, freePort, plainConfiguration, type RegistryProgram, type RunningServer } from '../support/registry-server.ts'
import type { AllImages } from './place.ts'
import type { Credentials } from './site.ts'

/** What is made once, for all registries and clients. */
export interface Supplies {
  readonly folder: string
  readonly images: AllImages
  readonly server: Certificate
  /** A client whom the registries' CA knows, and one whom it does not. */
  readonly alice: Certificate
  readonly mallory: Certificate
  readonly credentials: Credentials
  /** A line of htpasswd. */
  readonly passwordFile: string
  /** A storage root with images in `stock/`, pushed through Distribution. */
  readonly volume: string
}

export async function makeSupplies(folder: string): Promise<Supplies> {
  await addNetworkName()
  const at = join(folder, 'images')
  const images = { ...(await makeImages(at)), ...(await makeUnusualImages(at)), ...(await makeWorkingImages(at)) }
  const server = await makeSignedCertificate(join(folder, 'certs'), [networkName])
  const authority = { folder: join(folder, 'certs'), certificate: server.ca, key: join(folder, 'certs/ca.key') }
  const alice = await makeClientCertificate(authority, 'alice')
  const mallory = await makeClientCertificate(await makeAuthority(join(folder, 'rogue'), 'rogue'), 'mallory')
  const credentials = { user: 'user', password: 'p4ssw0rd' }
  const passwordFile = join(folder, 'htpasswd')
  await writeFile(passwordFile, await runOk('htpasswd', ['-Bbn', credentials.user, credentials.password]))
  return { folder, images, server, alice, mallory, credentials, passwordFile, volume: await stockVolume(folder, images) }
}

async function stockVolume(folder: string, images: AllImages): Promise<string> {
  const volume = join(folder, 'stock')
  const address = `127.0.0.1:${await freePort('127.0.0.1')}`
  const configuration = plainConfiguration(address, volume)
  const registry = await distribution.start({ configuration, folder: join(folder, 'stock-configuration'), endpoint: { url: `http://${address}` } })
  const push = (layout: keyof AllImages, tag: string, name: string, ...options: string[]): Promise<string> =>
    runOk('skopeo', ['copy', '--quiet', '--dest-tls-verify=false', ...options, `oci:${images[layout]}:${tag}`, `docker://${address}/stock/${name}`])
  for (const tag of ['v1', 'v2']) await push('small', tag, `small:${tag}`)
  await push('small', 'v1', 'schema2:v1', '--format', 'v2s2')
  await push('multi', 'latest', 'multi:latest', '--all')
  for (const layout of ['zstd', 'deep', 'huge', 'runnable'] as const) await push(layout, 'latest', `${layout}:latest`)
  await registry.stop()
  return volume
}

export interface StockedRegistry {
  /** `name:port` */
  readonly host: string
  /** With everything that gets one in. */
  readonly endpoint: Endpoint
  /** What it and its access log have said until now. */
  log(): string
  /** Removes its volume too. */
  stop(): Promise<void>
}

/** Starts a registry over HTTPS with a password on a copy of the stocked volume; if asked, it wants client certificates too. */
export async function startStocked(program: RegistryProgram, supplies: Supplies, wantsIdentity = false): Promise<StockedRegistry> {
  const folder = await mkdtemp(join(supplies.folder, `${program.name}-`))
  const host = `${networkName}:${await freePort(networkName)}`
  await mkdir(join(folder, 'data'))
  await runOk('cp', ['--archive', '--link', join(supplies.volume, 'docker'), join(folder, 'data')])
  const configuration = configure(supplies, host, join(folder, 'data'), wantsIdentity)
  const { certificate, key } = supplies.alice
  const identity = wantsIdentity ? { cert: await readFile(certificate, 'utf8'), key: await readFile(key, 'utf8') } : {}
  const endpoint = { url: `https://${host}`, ca: supplies.server.caPem, ...supplies.credentials, ...identity }
  const server = await program.start({ configuration, folder, endpoint })
  return { host, endpoint, log: server.output, stop: () => stop(server, folder) }
}

async function stop(server: RunningServer, folder: string): Promise<void> {
  await server.stop()
  await rm(folder, { recursive: true, force: true })
}

function configure({ server, passwordFile }: Supplies, host: string, rootDirectory: string, wantsIdentity: boolean): string {
  return `version: 0.1
log: {level: error}
storage:
  filesystem: {rootdirectory: ${rootDirectory}}
  delete: {enabled: true}
  maintenance: {uploadpurging: {enabled: false}}
http:
  addr: "${host}"
  secret: not-a-secret
  tls:
    certificate: ${server.certificate}
    key: ${server.key}
${wantsIdentity ? `    clientcas: [${server.ca}]\n` : ''}auth: {htpasswd: {realm: the registry, path: ${passwordFile}}}
`
}
