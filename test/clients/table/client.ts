import type { CommandResult } from '../support/command.ts'
import { type Action, actions } from './actions.ts'
import type { AllImages, Place } from './place.ts'
import type { Site } from './site.ts'

/** Does one thing with a client, and checks at the registry or in the client that it was done; or says why the client cannot. */
export type Cell<Tool> = string | ((tool: Tool, place: Place) => Promise<void>)

export type Attempt = 'login' | 'pull' | 'push'

/** What a client has before it knows of any registry. */
export interface Ground {
  /** A folder of its own, which exists. */
  readonly folder: string
  readonly images: AllImages
}

/** A column of the table in docs/clients.md. `Tool` is what its cells work with, such as a folder or a daemon. */
export interface ClientDescription<Tool> {
  /** The heading; in lower case with `-` for spaces, also the client's repositories in the registry. */
  readonly name: string
  /** As the program says it. `undefined` where it is not on this machine. */
  findVersion(): Promise<string | undefined>
  /** Where it looks for the CA's certificate, for the reader of docs/clients.md. */
  readonly trusts: string
  /** Starts what the client needs. */
  open(ground: Ground): Promise<Tool>
  close?(tool: Tool): Promise<void>
  /** Gives the client the CA and its certificate where it looks for them. Not needed where every command takes them. */
  trust?(tool: Tool, site: Site): Promise<AsyncDisposable>
  readonly cells: Readonly<Record<Action, Cell<Tool>>>
  /** One command each, whatever comes of it: for the texts of refusals. `name` is a repository with a tag. */
  readonly attempts: Readonly<Partial<Record<Attempt, (tool: Tool, site: Site, name: string) => Promise<CommandResult>>>>
}

/** A description whose `Tool` is nobody else's business. */
export interface Client {
  readonly name: string
  readonly trusts: string
  /** For each action why the client cannot, if it cannot. */
  readonly cannot: Readonly<Partial<Record<Action, string>>>
  readonly attempts: readonly Attempt[]
  findVersion(): Promise<string | undefined>
  open(ground: Ground): Promise<OpenClient>
}

export interface OpenClient {
  /** The client's repositories are under this name. */
  readonly slug: string
  /** Fails when the client cannot do it with this registry. */
  act(action: Action, place: Place): Promise<void>
  attempt(what: Attempt, site: Site, name: string): Promise<CommandResult>
  trust(site: Site): Promise<AsyncDisposable>
  close(): Promise<void>
}

/** The same reason for every action, to be spread before those that the client can do. */
export function everyAction(reason: string): Record<Action, string> {
  return Object.fromEntries(Object.keys(actions).map((action) => [action, reason])) as Record<Action, string>
}

export function defineClient<Tool>(description: ClientDescription<Tool>): Client {
  return {
    name: description.name,
    trusts: description.trusts,
    cannot: Object.fromEntries(Object.entries(description.cells).filter(([, cell]) => typeof cell === 'string')) as Client['cannot'],
    attempts: Object.keys(description.attempts) as Attempt[],
    findVersion: () => description.findVersion(),
    open: async (ground) => bind(description, await description.open(ground)),
  }
}

function bind<Tool>({ name, cells, attempts, ...description }: ClientDescription<Tool>, tool: Tool): OpenClient {
  return {
    slug: slugOf(name),
    async act(action, place) {
      const cell = cells[action]
      if (typeof cell === 'string') throw new Error(`${name}, ${action}: ${cell}`)
      await cell(tool, place)
    },
    attempt: (what, site, image) => attempts[what]?.(tool, site, image) ?? Promise.reject(new Error(`${name} has no ${what}`)),
    trust: async (site) => (await description.trust?.(tool, site)) ?? { [Symbol.asyncDispose]: () => Promise.resolve() },
    close: async () => description.close?.(tool),
  }
}

function slugOf(name: string): string {
  return name
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, ' ')
    .trim()
    .replaceAll(' ', '-')
}
