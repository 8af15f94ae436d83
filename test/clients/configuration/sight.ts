import { existsSync } from 'node:fs'
import { request as requestPlain } from 'node:http'
import { request as requestTls } from 'node:https'
import { setTimeout as delay } from 'node:timers/promises'
import { connect } from 'node:tls'
import type { Places, Sight } from '../../support/config-cases.ts'
import { type Background, startBackground } from '../support/command.ts'

interface Answer {
  readonly status: number
  readonly header: (name: string) => string
}

const ZERO_DIGEST = `sha256:${'0'.repeat(64)}`
const PATIENCE_MS = 30_000

/** What a program is seen to do with a configuration file and variables. It is stopped in the end. */
export async function look(command: readonly string[], environment: Readonly<Record<string, string>>, places: Places, awaited: Sight): Promise<Sight> {
  const [program = '', ...args] = command
  const running = startBackground(program, args, { env: environment })
  try {
    const scheme = await findScheme(running, places)
    if (!scheme) return { starts: false, ...said(running, awaited) }
    if (awaited.ping === 503) await untilUnhealthy(scheme, places)
    const asked = await ask(scheme, places)
    return { starts: true, scheme, ...asked, ...(await askDebug(places)), ...(await seeTls(scheme, places)), ...said(running, awaited) }
  } finally {
    await running.stop()
  }
}

/** Resolves once somebody answers, with how; `undefined` when the program has ended. */
async function findScheme(running: Background, { addr }: Places): Promise<'http' | 'https' | undefined> {
  let hasEnded = false
  void running.exited.then(() => {
    hasEnded = true
  })
  for (const deadline = Date.now() + PATIENCE_MS; Date.now() < deadline && !hasEnded; await delay(20)) {
    const plain = await send(`http://${addr}/v2/`).catch(() => undefined)
    if (plain && plain.status !== 400) return 'http'
    const secure = await send(`https://${addr}/v2/`).catch(() => undefined)
    if (secure) return 'https'
  }
  if (!hasEnded) throw new Error(`nobody answers on ${addr}\n${running.output()}`)
  return undefined
}

async function untilUnhealthy(scheme: string, { addr }: Places): Promise<void> {
  for (const deadline = Date.now() + PATIENCE_MS; Date.now() < deadline; await delay(20)) {
    if ((await send(`${scheme}://${addr}/v2/`)).status === 503) return
  }
}

async function ask(scheme: string, { addr, root }: Places): Promise<Sight> {
  const to = (path: string, method = 'GET', headers: Readonly<Record<string, string>> = {}) => send(`${scheme}://${addr}${path}`, method, headers)
  const ping = await to('/v2/')
  const login = await to('/v2/', 'GET', { Authorization: `Basic ${Buffer.from('user:p4ssw0rd').toString('base64')}` })
  const upload = await to('/v2/team/app/blobs/uploads/', 'POST')
  return {
    ping: ping.status,
    challenge: ping.header('www-authenticate'),
    nosniff: ping.header('x-content-type-options'),
    xa: ping.header('x-a'),
    login: login.status,
    root: (await to('/')).status,
    below: (await to('/below/v2/')).status,
    post: upload.status,
    location: upload.header('location').replace(/\/v2\/.*/, ''),
    writesToRoot: existsSync(`${root}/docker/registry/v2/repositories/team/app/_uploads`),
    delete: (await to(`/v2/team/app/manifests/${ZERO_DIGEST}`, 'DELETE')).status,
    catalog5: (await to('/v2/_catalog?n=5')).status,
  }
}

async function askDebug({ debug }: Places): Promise<Sight> {
  const status = async (path: string) => (await send(`http://${debug}${path}`).catch(() => undefined))?.status ?? 0
  return { health: await status('/debug/health'), metrics: await status('/metrics'), telemetry: await status('/telemetry') }
}

async function seeTls(scheme: string, { addr }: Places): Promise<Sight> {
  if (scheme === 'http') return {}
  const [host, port] = addr.split(':')
  const socket = connect({ host, port: Number(port), maxVersion: 'TLSv1.2', rejectUnauthorized: false })
  const speaksTls12 = await new Promise<boolean>((resolve) => socket.once('secureConnect', () => resolve(true)).once('error', () => resolve(false)))
  socket.destroy()
  return { speaksTls12 }
}

function said(running: Background, { says }: Sight): Sight {
  const lines = running.output().split('\n')
  const own = lines.find((line) => /^time="|^\{"/.test(line))
  const form = own?.startsWith('{') ? (own.includes('"@timestamp"') ? 'logstash' : 'json') : 'text'
  const matching = says && lines.some((line) => says.test(line)) ? { says } : {}
  return { form, logsAccess: lines.some((line) => /^\S+ - \S+ \[.*\] "GET \/v2\/ HTTP\/1\.1" \d+ \d+ "/.test(line)), ...matching }
}

function send(url: string, method = 'GET', headers: Readonly<Record<string, string>> = {}): Promise<Answer> {
  const request = url.startsWith('https:') ? requestTls : requestPlain
  return new Promise((resolve, reject) => {
    const sent = request(url, { method, headers: { 'Content-Length': '0', ...headers }, agent: false, rejectUnauthorized: false })
    sent.once('error', reject)
    sent.once('response', (response) => {
      response.resume()
      response.once('end', () => resolve({ status: response.statusCode ?? 0, header: (name) => [response.headers[name] ?? ''].flat().join(', ') }))
      response.once('error', reject)
    })
    sent.end()
  })
}
