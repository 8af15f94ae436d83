import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Certificate } from './certificates.ts'
import { runOk } from './command.ts'
import type { Endpoint } from './registry-client.ts'
import { type RunningServer, underTest } from './registry-server.ts'

export const user = 'user'
export const password = 'p4ssw0rd'

export interface Documented {
  /** The storage root; certificates and passwords may lie inside it. */
  readonly dataDir: string
  readonly certificate: Certificate
  /** What `REGISTRY_HTTP_ADDR` says. */
  readonly address: string
  readonly endpoint: Endpoint
  readonly realm?: string
  readonly environment?: Readonly<Record<string, string>>
}

/** Starts the registry as the tutorials do: no configuration file, everything in `REGISTRY_*`, passwords by `htpasswd -Bbn`. */
export async function startDocumented(options: Documented): Promise<RunningServer> {
  const passwords = join(options.dataDir, 'auth/registry.password')
  await mkdir(join(options.dataDir, 'auth'), { recursive: true })
  await writeFile(passwords, await runOk('htpasswd', ['-Bbn', user, password]))
  const authentication = {
    REGISTRY_AUTH: 'htpasswd',
    REGISTRY_AUTH_HTPASSWD_REALM: options.realm ?? 'Registry Realm',
    REGISTRY_AUTH_HTPASSWD_PATH: passwords,
  }
  const environment = {
    ...authentication,
    REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY: options.dataDir,
    REGISTRY_HTTP_ADDR: options.address,
    REGISTRY_HTTP_TLS_CERTIFICATE: options.certificate.certificate,
    REGISTRY_HTTP_TLS_KEY: options.certificate.key,
    ...options.environment,
  }
  return underTest.start({ environment, folder: options.dataDir, endpoint: options.endpoint })
}
