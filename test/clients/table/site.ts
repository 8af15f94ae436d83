import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Certificate } from '../support/certificates.ts'

export interface Credentials {
  readonly user: string
  readonly password: string
}

/** What somebody who uses a client has been given for one registry. */
export interface Knowledge {
  /** The path of the CA's certificate. */
  readonly ca?: string | undefined
  /** A client certificate. */
  readonly identity?: Certificate | undefined
  readonly credentials?: Credentials | undefined
}

/** A registry as a client sees it, and what the client knows about it. */
export interface Site extends Knowledge {
  /** `name:port` */
  readonly host: string
  /** A home with the credentials in docker's `config.json`, which podman and others read too. */
  readonly folder: string
}

export async function openSite(parent: string, host: string, knowledge: Knowledge): Promise<Site> {
  const folder = await mkdtemp(join(parent, 'site-'))
  const auths = knowledge.credentials ? { [host]: { auth: encode(knowledge.credentials) } } : {}
  await writeFile(join(folder, 'config.json'), JSON.stringify({ auths }))
  await symlink(folder, join(folder, '.docker'))
  return { ...knowledge, host, folder }
}

/** Gives what the site knows to clients that look for it in `parent/NAME:PORT`, until disposed. */
export async function trustInFolder(parent: string, site: Site): Promise<AsyncDisposable> {
  const folder = join(parent, site.host)
  await mkdir(folder, { recursive: true })
  if (site.ca) await writeFile(join(folder, 'ca.crt'), await readFile(site.ca))
  if (site.identity) await writeFile(join(folder, 'client.cert'), await readFile(site.identity.certificate))
  if (site.identity) await writeFile(join(folder, 'client.key'), await readFile(site.identity.key))
  return { [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }) }
}

function encode({ user, password }: Credentials): string {
  return Buffer.from(`${user}:${password}`).toString('base64')
}
