import type { Attempt } from './client.ts'
import type { Supplies } from './registries.ts'
import type { Knowledge } from './site.ts'

/** Something that a client has not been given, or that is not there. */
export interface Situation {
  readonly title: string
  /** For the reader of docs/clients.md. */
  readonly remedy: string
  /** Whether the registry asks for client certificates. */
  readonly wantsIdentity?: boolean
  knowledge(supplies: Supplies): Knowledge
  readonly attempts: readonly Attempt[]
  /** What is pulled and pushed. */
  readonly image: string
}

const IMAGE = 'stock/small:v1'

export const situations: readonly Situation[] = [
  {
    title: 'The client does not trust the certificate',
    remedy: 'Give it the CA, in the place that the first table names.',
    knowledge: ({ credentials }) => ({ credentials }),
    attempts: ['login', 'pull', 'push'],
    image: IMAGE,
  },
  {
    title: 'The password is wrong',
    remedy: 'Log in again. Whether the user exists is not told.',
    knowledge: ({ server, credentials }) => ({ ca: server.ca, credentials: { ...credentials, password: 'wrong' } }),
    attempts: ['login', 'pull'],
    image: IMAGE,
  },
  {
    title: 'Nobody logged in',
    remedy: 'Log in.',
    knowledge: ({ server }) => ({ ca: server.ca }),
    attempts: ['pull', 'push'],
    image: IMAGE,
  },
  {
    title: 'The registry wants a client certificate, and the client has none',
    remedy: 'Put certificate and key beside the CA.',
    wantsIdentity: true,
    knowledge: ({ server, credentials }) => ({ ca: server.ca, credentials }),
    attempts: ['login', 'pull'],
    image: IMAGE,
  },
  {
    title: 'The client certificate is of another CA',
    remedy: 'Get one of a CA that `http.tls.clientcas` names.',
    wantsIdentity: true,
    knowledge: ({ server, credentials, mallory }) => ({ ca: server.ca, credentials, identity: mallory }),
    attempts: ['login', 'pull'],
    image: IMAGE,
  },
  {
    title: 'There is no such repository',
    remedy: 'Look for a misspelt name. containerd 1.6 with a `hosts.toml` asks once more without the CA, and reports that.',
    knowledge: ({ server, credentials }) => ({ ca: server.ca, credentials }),
    attempts: ['pull'],
    image: 'stock/none:v1',
  },
  {
    title: 'There is no such tag',
    remedy: 'List the tags. containerd 1.6 as above.',
    knowledge: ({ server, credentials }) => ({ ca: server.ca, credentials }),
    attempts: ['pull'],
    image: 'stock/small:none',
  },
]
