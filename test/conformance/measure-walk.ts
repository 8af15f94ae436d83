import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { freePort, type RegistryProgram } from '../clients/support/registry-server.ts'
import { Client } from '../support/http-client.ts'
import type { Place } from './chapter.ts'
import { permissiveConfiguration } from './configuration.ts'
import { findVersion } from './installed.ts'
import { walk } from './walk.ts'

export interface Outcome extends Place {
  readonly claim: string
  /** Why it is not true, in a line; absent when it is. */
  readonly trouble?: string
}

export interface WalkMeasure {
  /** The program, and its version where it is not ours. */
  readonly name: string
  readonly outcomes: readonly Outcome[]
}

/** Walks through a registry of its own, on an empty volume, with deletion allowed. */
export async function measureWalk(program: RegistryProgram, folder: string): Promise<WalkMeasure> {
  await mkdir(folder, { recursive: true })
  const port = await freePort('127.0.0.1')
  const configuration = permissiveConfiguration(`127.0.0.1:${port}`, join(folder, 'data'))
  const server = await program.start({ configuration, folder, endpoint: { url: `http://127.0.0.1:${port}` } })
  try {
    return { name: await nameOf(program), outcomes: await walkThrough(new Client(port)) }
  } finally {
    await server.stop()
  }
}

async function walkThrough(registry: Client): Promise<Outcome[]> {
  const outcomes: Outcome[] = []
  for (const { version, section, title, claims, begin } of walk) {
    const prove = begin(registry)
    for (const claim of claims) {
      const trouble = await prove(claim).then(() => undefined, firstLine)
      outcomes.push({ version, section, title, claim, ...(trouble !== undefined && { trouble }) })
    }
  }
  return outcomes
}

function firstLine(error: Error): string {
  return error.message.split('\n', 1)[0] ?? ''
}

/** `docker-registry 2.8.2`; of lacre, the name. */
export async function nameOf(program: RegistryProgram): Promise<string> {
  if (program.name === 'lacre') return program.name
  const version = /\d+\.\d+\.\d+/.exec((await findVersion(program.name)) ?? '')?.[0]
  return version ? `${program.name} ${version}` : program.name
}
