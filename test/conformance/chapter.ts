import type { Client } from '../support/http-client.ts'

/** The version of the specification that asks for it first; `dev` is what its main branch says after 1.1.1. */
export type SpecVersion = '1.0' | '1.1' | 'dev'

/** A part of the specification as a client walks through it: something is done once, then looked at from all sides. */
export interface Chapter {
  readonly version: SpecVersion
  /** The heading of https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md that asks for it. */
  readonly section: string
  readonly title: string
  /** Sentences, each of which is true or not, whatever becomes of the others. */
  readonly claims: readonly string[]
  /** Does what the claims are about. Gives the proof of a claim: it throws when the claim is not true. */
  readonly begin: (registry: Client) => (claim: string) => Promise<void>
}

export type Place = Pick<Chapter, 'version' | 'section' | 'title'>

/** A chapter that does `act` and proves claims about what came of it. */
export function chapter<Outcome>(
  place: Place,
  act: (registry: Client) => Promise<Outcome>,
  proofs: Readonly<Record<string, (outcome: Outcome, registry: Client) => Promise<void> | void>>,
): Chapter {
  const begin = (registry: Client) => {
    const outcome = act(registry)
    outcome.catch(() => undefined) // every proof waits for it, and fails with it
    return async (claim: string) => proofs[claim]?.(await outcome, registry)
  }
  return { ...place, claims: Object.keys(proofs), begin }
}

/** A chapter of claims that have nothing to be done before them. */
export function claims(place: Place, proofs: Readonly<Record<string, (registry: Client) => Promise<void>>>): Chapter {
  const bound = Object.entries(proofs).map(([claim, prove]) => [claim, (_nothing: undefined, registry: Client) => prove(registry)] as const)
  return chapter(place, async () => undefined, Object.fromEntries(bound))
}
