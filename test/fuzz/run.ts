/** Tries made-up input: `scripts/fuzz [--seconds N] [--seed S] [--cases N] [http|manifests|configuration|htpasswd]...`. */
import { parseArgs } from 'node:util'
import { Dice } from './dice.ts'
import type { FuzzTarget } from './fuzz-target.ts'
import { openHttpTarget } from './http-target.ts'
import { openManifestTarget } from './manifest-target.ts'
import { openParsingTarget } from './parsing-target.ts'

const targets: Readonly<Record<string, { readonly share: number; readonly open: () => FuzzTarget | Promise<FuzzTarget> }>> = {
  http: { share: 4, open: openHttpTarget },
  manifests: { share: 3, open: openManifestTarget },
  configuration: { share: 2, open: () => openParsingTarget('configuration-worker.ts') },
  htpasswd: { share: 1, open: () => openParsingTarget('htpasswd-worker.ts') },
}
const VERIFY_EVERY = 400

const { values, positionals } = parseArgs({
  options: { seconds: { type: 'string', default: '60' }, seed: { type: 'string' }, cases: { type: 'string', default: 'Infinity' } },
  allowPositionals: true,
})
const names = positionals.length > 0 ? positionals : Object.keys(targets)
const unknown = names.filter((name) => !Object.hasOwn(targets, name))
if (unknown.length > 0) throw new Error(`nothing to fuzz is called ${unknown.join(', ')}: there are ${Object.keys(targets).join(', ')}`)
const seed = values.seed === undefined ? Date.now() % 1_000_000_000 : Number(values.seed)
const shares = names.reduce((sum, name) => sum + (targets[name]?.share ?? 0), 0)
for (const name of names) await fuzz(name, (Number(values.seconds) * 1000 * (targets[name]?.share ?? 0)) / shares)
process.exit() // whatever still hangs

/** Tries cases until the time is over, or one of them finds something. */
async function fuzz(name: string, forMs: number): Promise<void> {
  const target = await targets[name]?.open()
  if (!target) return
  const end = performance.now() + forMs
  let tried = 0
  while (performance.now() < end && tried < Number(values.cases) && !process.exitCode) {
    const first = seed + tried
    const count = Math.min(target.concurrency, Number(values.cases) - tried)
    await Promise.all(Array.from({ length: count }, (_, index) => tryCase(name, target, first + index)))
    tried += count
    if (tried % VERIFY_EVERY < count) await reporting(`${name}: up to seed ${seed + tried}`, () => target.verify())
  }
  await reporting(`${name}: after seed ${seed + tried - 1}`, () => target.verify())
  await reporting(`${name}: at the end`, async () => target[Symbol.asyncDispose]())
  console.log(`${name.padEnd(14)} ${tried} cases from seed ${seed}: ${process.exitCode ? 'FAILED' : 'nothing found'}`)
}

function tryCase(name: string, target: FuzzTarget, caseSeed: number): Promise<void> {
  return reporting(`${name}: scripts/fuzz --seed ${caseSeed} --cases 1 ${name}`, () => target.try(new Dice(caseSeed)))
}

async function reporting(what: string, work: () => Promise<void>): Promise<void> {
  try {
    await work()
  } catch (error) {
    console.error(`FOUND ${what}\n${error instanceof Error ? (error.stack ?? error.message) : String(error)}`)
    process.exitCode = 1
  }
}
