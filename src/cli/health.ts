import { type IncomingMessage, type RequestOptions, request as requestPlain } from 'node:http'
import { request as requestTls } from 'node:https'
import { text } from 'node:stream/consumers'
import { Command } from 'commander'
import { loadConfig } from '../config/load.ts'
import type { Config } from '../config/schema.ts'

const EXAMPLES = `
CONFIG and REGISTRY_* variables are those that the server was started with: they
say where it listens. The exit code is 0 when it is ready, 1 when it is not or
does not answer.

Examples:
  lacre health
  lacre health /etc/docker/registry/config.yml`

/** `lacre health [CONFIG]`: asks the server of this machine that a configuration describes. */
export function healthCommand(): Command {
  return new Command('health')
    .description('ask the server of a configuration whether it is ready')
    .argument('[config]', 'configuration file')
    .addHelpText('after', EXAMPLES)
    .action(health)
}

async function health(path: string | undefined): Promise<void> {
  const { config } = await loadConfig(path === undefined ? {} : { path })
  const { isReady, words } = await ask(config.http)
  process.stdout.write(`${words.trim()}\n`)
  if (!isReady) process.exitCode = 1
}

interface Condition {
  readonly isReady: boolean
  /** A line for each thing that is wrong. */
  readonly words: string
}

const PATIENCE_MS = 8_000 // below the ten seconds of the image's HEALTHCHECK

async function ask({ addr, net, tls }: Config['http']): Promise<Condition> {
  const isTls = tls.certificate !== undefined
  const place = { ...(net === 'unix' ? { socketPath: addr } : placeOf(addr)), path: '/readyz', agent: false, timeout: PATIENCE_MS }
  try {
    const answer = await get(isTls, place)
    return { isReady: answer.statusCode === 200, words: await text(answer) }
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    if (asksForCertificate(tls, code)) return { isReady: true, words: 'serving: it asks for a client certificate' }
    return { isReady: false, words: `no answer on ${addr}: ${message}` }
  }
}

/** Says whatever the certificate is: this asks who listens here for its health, and tells it nothing. */
function get(isTls: boolean, place: RequestOptions): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const asked = isTls ? requestTls({ ...place, rejectUnauthorized: false }, resolve) : requestPlain(place, resolve)
    asked.on('timeout', () => asked.destroy(new Error(`nothing within ${PATIENCE_MS / 1000} seconds`)))
    asked.on('error', reject).end()
  })
}

/** An alert is an answer too: of a server that wants to see a client certificate first. One that takes any certificate hangs up. */
function asksForCertificate({ certificate, clientcas, clientauth }: Config['http']['tls'], code = ''): boolean {
  if (certificate === undefined) return false
  return /^ERR_SSL_.*ALERT/.test(code) || (code === 'ECONNRESET' && clientcas.length > 0 && clientauth === 'require-any-client-cert')
}

const ALL_ADDRESSES: Readonly<Record<string, string>> = { '': 'localhost', '0.0.0.0': '127.0.0.1', '::': '::1' }

/** Where to ask a server that listens on `host:port`, `:port` or `[::]:port`. */
function placeOf(addr: string): { readonly host: string; readonly port: number } {
  const [, bracketed, plain, port] = /^(?:\[(.*)\]|([^:]*)):(\d+)$/.exec(addr) ?? []
  const host = bracketed ?? plain ?? ''
  return { host: ALL_ADDRESSES[host] ?? host, port: Number(port) }
}
