import { appendFile, readFile } from 'node:fs/promises'

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
