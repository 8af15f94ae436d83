import { digestOf, type Endpoint, send } from '../support/registry-client.ts'
import { type Described, describeAnswer } from './describe-answer.ts'
import { fixtures } from './fixtures.ts'

/** One request. In `send`, `{name}` is a kept Location or else the digest of a fixture; `{name.512}` is its sha512. */
export interface Ask {
  readonly send: string
  readonly headers?: Readonly<Record<string, string>>
  /** The name of a fixture whose bytes are sent. */
  readonly body?: string
  /** Keeps the answer's Location under this name. */
  readonly keep?: string
}

/** Requests in an order that matters, on repositories that no other scenario uses. */
export interface Scenario {
  readonly name: string
  readonly asks: readonly Ask[]
}

const OCTETS = { 'Content-Type': 'application/octet-stream' }
const ACCEPT_ALL = [...new Set(Object.values(fixtures).flatMap(({ type }) => type ?? []))].join(', ')

/** An upload of a fixture in two requests. */
export function upload(repository: string, fixture: string): readonly Ask[] {
  const keep = `upload of ${fixture} to ${repository}`
  return [
    { send: `POST /v2/${repository}/blobs/uploads/`, keep },
    { send: `PUT {${keep}}?digest={${fixture}}`, headers: OCTETS, body: fixture },
  ]
}

/** A manifest put under its own media type. */
export function put(repository: string, reference: string, fixture: string): Ask {
  return { send: `PUT /v2/${repository}/manifests/${reference}`, headers: { 'Content-Type': fixtures[fixture]?.type ?? '' }, body: fixture }
}

/** A manifest asked for by a client that takes every type. */
export function get(repository: string, reference: string, method = 'GET'): Ask {
  return { send: `${method} /v2/${repository}/manifests/${reference}`, headers: { Accept: ACCEPT_ALL } }
}

export const ask = (line: string, headers: Readonly<Record<string, string>> = {}): Ask => ({ send: line, headers })

export const patch = (location: string, body: string, headers: Readonly<Record<string, string>> = {}, keep = location): Ask => ({
  send: `PATCH {${location}}`,
  headers: { ...OCTETS, ...headers },
  body,
  keep,
})

/** Sends a scenario's requests one after another; the answers by request with its telling headers, `#2` for the second of the same kind. */
export async function play(endpoint: Endpoint, scenario: Scenario): Promise<Map<string, Described>> {
  const kept = new Map<string, string>()
  const answers = new Map<string, Described>()
  for (const asked of scenario.asks) {
    const [method = '', target = ''] = split(asked.send)
    const body = asked.body === undefined ? undefined : fixture(asked.body).bytes
    const headers = Object.fromEntries(Object.entries(asked.headers ?? {}).map(([name, value]) => [name, substitute(value, kept)]))
    const answer = await send(endpoint, { method, path: substitute(target, kept), headers, body })
    if (asked.keep && answer.headers.location) kept.set(asked.keep, answer.headers.location)
    answers.set(labelOf(answers, `${scenario.name}: ${asked.send}${noted(asked)}`), describeAnswer(answer))
  }
  return answers
}

function split(line: string): readonly string[] {
  const space = line.indexOf(' ')
  return [line.slice(0, space), line.slice(space + 1)]
}

/** The headers that make a request what it is. */
function noted({ headers = {} }: Ask): string {
  const telling = Object.entries(headers).filter(([name, value]) => name !== 'Content-Type' && value !== ACCEPT_ALL)
  return telling.map(([name, value]) => ` (${name}: ${value})`).join('')
}

function labelOf(answers: ReadonlyMap<string, Described>, label: string): string {
  let times = 1
  while (answers.has(times === 1 ? label : `${label} #${times}`)) times++
  return times === 1 ? label : `${label} #${times}`
}

function substitute(target: string, kept: ReadonlyMap<string, string>): string {
  const path = target.replace(/\{([^}]+)\}/g, (_, name: string) => kept.get(name) ?? digestFor(name))
  const [start = '', ...queries] = path.split('?')
  return queries.length === 0 ? start : `${start}?${queries.join('&')}`
}

function digestFor(name: string): string {
  return name.endsWith('.512') ? digestOf(fixture(name.slice(0, -4)).bytes, 'sha512') : digestOf(fixture(name).bytes)
}

function fixture(name: string): { bytes: Buffer } {
  const found = fixtures[name]
  if (!found) throw new Error(`no Location was kept and no fixture is called ${name}`)
  return found
}
