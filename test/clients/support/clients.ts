import { copyFile, mkdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Certificate } from './certificates.ts'
import { type CommandResult, run } from './command.ts'

/** The programs people push and pull with, each with its own credentials and storage under one folder. */
export interface Clients {
  skopeo(...args: string[]): Promise<CommandResult>
  podman(...args: string[]): Promise<CommandResult>
  buildah(...args: string[]): Promise<CommandResult>
  curl(...args: string[]): Promise<CommandResult>
  /** `podman login` or `skopeo login` with the password on standard input. */
  login(client: 'podman' | 'skopeo', host: string, user: string, password: string): Promise<CommandResult>
}

export async function openClients(folder: string): Promise<Clients> {
  await mkdir(folder, { recursive: true })
  const authFile = join(folder, 'auth.json')
  await writeFile(authFile, '{}') // @NOTE podman needs the file that REGISTRY_AUTH_FILE names to exist
  const env = { REGISTRY_AUTH_FILE: authFile, HOME: folder }
  const storage = ['--root', join(folder, 'storage'), '--storage-driver', 'vfs']
  const podman = [...storage, '--runroot', join(folder, 'run'), '--cgroup-manager', 'cgroupfs', '--events-backend', 'file']
  const buildah = [...storage, '--runroot', join(folder, 'run')]
  return {
    skopeo: (...args) => run('skopeo', args, { env }),
    podman: (...args) => run('podman', [...podman, ...args], { env }),
    buildah: (...args) => run('buildah', [...buildah, ...args], { env }),
    curl: (...args) => run('curl', ['--silent', '--show-error', ...args], { env }),
    login(client, host, user, password) {
      const args = ['login', '--username', user, '--password-stdin', host]
      return run(client, client === 'podman' ? [...podman, ...args] : args, { env, input: password })
    },
  }
}

const TRUST_FOLDERS = ['/etc/docker/certs.d', '/etc/containers/certs.d']

/** Makes docker, podman, skopeo and buildah on this machine trust a CA for one `name:port`, until disposed; with a client certificate, if one is given. */
export async function trust(host: string, ca: string, client?: Pick<Certificate, 'certificate' | 'key'>): Promise<AsyncDisposable> {
  const folders = TRUST_FOLDERS.map((folder) => join(folder, host))
  for (const folder of folders) {
    await mkdir(folder, { recursive: true })
    await writeFile(join(folder, 'ca.crt'), ca)
    if (client) await copyFile(client.certificate, join(folder, 'client.cert'))
    if (client) await copyFile(client.key, join(folder, 'client.key'))
  }
  return {
    async [Symbol.asyncDispose]() {
      for (const folder of folders) await rm(folder, { recursive: true, force: true })
    },
  }
}
