import { existsSync } from 'node:fs'
import { isIPv6 } from 'node:net'
import { join } from 'node:path'
import { certificateNames } from '../pki/certificate-parts.ts'
import { dockerPaths, readCertificate, readPair } from './docker-pair.ts'
import { OnboardingError } from './onboarding-error.ts'
import type { CommandStep, FileStep, Step } from './steps.ts'

const DOCKER_TLS_PORT = 2376 // IANA: docker-s

/** `ca.pem`, `cert.pem` and `key.pem` in the folder where docker looks for them. `made` is what is to be written before. */
export async function planInstallation(directory: string, name: string, made: readonly Step[], target: string): Promise<Step[]> {
  const paths = dockerPaths(directory, name)
  const textOf = (path: string) => made.find((step): step is FileStep => step.kind === 'file' && step.path === path)?.text
  const [certificate, key] = [textOf(paths.certificate), textOf(paths.key)]
  const { ca } = { ca: (await readCertificate(paths.ca, 'make one: lacre docker-tls init')).toString() }
  const pair = certificate !== undefined && key !== undefined ? { ca, certificate, key } : await readPair(directory, name, 'client', Date.now())
  return [
    { kind: 'folder', path: target, mode: 0o700 },
    { kind: 'file', path: join(target, 'ca.pem'), text: pair.ca, mode: 0o444 },
    { kind: 'file', path: join(target, 'cert.pem'), text: pair.certificate, mode: 0o444 },
    { kind: 'file', path: join(target, 'key.pem'), text: pair.key, mode: 0o400 },
  ]
}

/** A docker context with the client's certificate; docker keeps copies of the files. */
export async function planContext(directory: string, name: string, context: string, host: string | undefined): Promise<CommandStep> {
  const { ca, certificate, key } = dockerPaths(directory, name)
  const at = formatHost(host ?? (await findHost(directory)))
  const fields = [`host=tcp://${at}`, `ca=${ca}`, `cert=${certificate}`, `key=${key}`].map(quoteField).join(',')
  return { kind: 'command', words: ['docker', 'context', 'create', context, '--docker', fields], undo: ['docker', 'context', 'rm', '--force', context] }
}

/** The first name of the host's certificate that is not this machine itself. */
async function findHost(directory: string): Promise<string> {
  const { certificate } = dockerPaths(directory, 'server')
  const names = existsSync(certificate) ? certificateNames(await readCertificate(certificate, 'give --host NAME')) : []
  const found = names.find((name) => !/^(?:dns:localhost|ip:127\.|ip:::1$)/.test(name))
  if (found !== undefined) return found.slice(found.indexOf(':') + 1)
  throw new OnboardingError(`${certificate} names no host`, { hint: 'give the host of the context with --host NAME' })
}

function formatHost(host: string): string {
  if (isIPv6(host)) return `[${host}]:${DOCKER_TLS_PORT}`
  return /:\d+$/.test(host) ? host : `${host}:${DOCKER_TLS_PORT}`
}

/** docker reads the fields as CSV. */
function quoteField(field: string): string {
  return /[",]/.test(field) ? `"${field.replaceAll('"', '""')}"` : field
}
