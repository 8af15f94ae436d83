import assert from 'node:assert/strict'
import type { CommandResult } from '../support/command.ts'
import type { Attempt, Client, OpenClient } from './client.ts'
import type { StockedRegistry, Supplies } from './registries.ts'
import { openSite } from './site.ts'
import type { Situation } from './situations.ts'

/** What a client says in a situation, with the registry called `registry.example:5000`. */
export async function refuse(
  tool: OpenClient,
  registry: StockedRegistry,
  supplies: Supplies,
  { situation, attempt }: { situation: Situation; attempt: Attempt },
): Promise<string> {
  const site = await openSite(supplies.folder, registry.host, situation.knowledge(supplies))
  await using _ = await tool.trust(site)
  for (let turn = 1; ; turn++) {
    const result = await tool.attempt(attempt, site, situation.image)
    assert.notEqual(result.status, 0, `${attempt} succeeded: ${result.stdout}`)
    const sentence = sentenceOf(result, registry.host)
    if (!(situation.wantsIdentity && WRITTEN_TOO_LATE.test(sentence)) || turn === MOST_TURNS) return sentence
  }
}

// In TLS 1.3 a client sends its request before it knows whether its certificate is taken. Where the request comes after the server
// has closed, it may be told of that before it has read why, of either registry: then it is asked again.
const WRITTEN_TOO_LATE = /broken pipe|connection reset by peer/
const MOST_TURNS = 20

/** Where lacre is worded in another way than Distribution: what lacre's words stand for. They are explained in docs/clients.md. */
const DIFFERENCES = [
  { ours: /tls: certificate required/, theirs: 'tls: bad certificate' },
  { ours: /map\[name:\S+ reference:(\S+)\]/, theirs: 'map[Tag:$1]' },
  { ours: /"detail":\{"name":"[^"]*","reference":"([^"]*)"\}/, theirs: '"detail":{"Tag":"$1"}' },
] as const

/** Fails when a client says something else to lacre than to Distribution, but for the differences listed. */
export function assertAlike(theirs: string, ours: string): void {
  const alike = DIFFERENCES.reduce((text, difference) => text.replace(difference.ours, difference.theirs), ours)
  assert.ok(theirs === ours || theirs === alike, `to Distribution: ${theirs}\nto lacre: ${ours}`)
}

/** The attempts of a situation that a client has a command for. */
export function attemptsOf(client: Client, { attempts, wantsIdentity }: Situation): Attempt[] {
  if (wantsIdentity && client.cannot.identity !== undefined) return []
  return attempts.filter((attempt) => client.attempts.includes(attempt))
}

/** What a program said in its last line, without a logger's wrapping and without what changes from run to run. */
function sentenceOf({ stdout, stderr }: CommandResult, host: string): string {
  const lines = `${stdout}\n${stderr}`.trimEnd().split('\n')
  const line = lines.find((one) => one.startsWith('curl: ')) ?? lines.at(-1) ?? '' // curl adds advice
  const message = /^time="[^"]*" level=\w+ msg=("(?:[^"\\]|\\.)*")/.exec(line)?.[1]
  const said = message ? (JSON.parse(message) as string) : line
  return said
    .replaceAll(host, 'registry.example:5000')
    .replaceAll(/sha256:[0-9a-f]{64}/g, 'sha256:…')
    .replaceAll(/"[0-9a-f]{64}"/g, '"…"')
    .replace('readLoopPeekFailLocked: ', '') // Go, when the refusal comes between two requests
    .replace('http2: client conn could not be established', 'remote error: tls: bad certificate') // the same over HTTP/2
    .replace(/^curl: \((?:52|55|56)\) .*/, 'curl: (56) OpenSSL SSL_read: …')
}
