import { appendFile, readFile, writeFile } from 'node:fs/promises'
import { networkInterfaces } from 'node:os'

/** Maps to `::1`. dockerd verifies no certificate of a name that resolves into 127.0.0.0/8, but does here. */
export const hostName = 'registry.lacre.test'

/** Maps to 127.0.0.1: for servers that listen on 0.0.0.0 as the documents have it. */
export const hostName4 = 'registry4.lacre.test'

/** Makes the test names resolve; lines that are there already stay as they are. */
export async function addHostNames(): Promise<void> {
  const hosts = await readFile('/etc/hosts', 'utf8')
  const lines = [`::1 ${hostName}`, `127.0.0.1 ${hostName4}`].filter((line) => !hosts.split('\n').includes(line))
  const start = hosts.endsWith('\n') ? '' : '\n'
  if (lines.length > 0) await appendFile('/etc/hosts', `${start}${lines.join('\n')}\n`)
}

/** Maps to an address of this machine on a network: no client takes it for a loopback, where some of them take any certificate and plain HTTP. */
export const networkName = 'registry-network.lacre.test'

export async function addNetworkName(): Promise<void> {
  const line = `${findNetworkAddress()} ${networkName}`
  const lines = (await readFile('/etc/hosts', 'utf8')).trimEnd().split('\n')
  if (lines.includes(line)) return
  await writeFile('/etc/hosts', `${[...lines.filter((other) => !other.endsWith(` ${networkName}`)), line].join('\n')}\n`)
}

function findNetworkAddress(): string {
  const addresses = Object.values(networkInterfaces()).flatMap((found) => found ?? [])
  const found = addresses.find(({ internal, family }) => !internal && family === 'IPv4') ?? addresses.find(({ internal, scopeid }) => !internal && !scopeid)
  if (!found) throw new Error('this machine has no address but loopback: newer docker commands speak plain HTTP to those')
  return found.address
}
