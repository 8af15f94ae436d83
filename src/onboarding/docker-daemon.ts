import { join } from 'node:path'
import type { JsonObject } from './merge-json.ts'
import { OnboardingError } from './onboarding-error.ts'
import type { Step } from './steps.ts'
import { formatDropIn, type ServiceUnit } from './systemd-unit.ts'

/** What makes a docker daemon ask for client certificates. */
export interface DaemonPlan {
  readonly steps: readonly Step[]
  /** Sentences for people. */
  readonly notes: readonly string[]
}

export interface DaemonSettings {
  /** The folder that stands for `/`. */
  readonly root: string
  /** Address and port, for example `0.0.0.0:2376`. */
  readonly listen: string
  /** PEM: the CA, the daemon's own certificate and its key. */
  readonly files: { readonly ca: string; readonly certificate: string; readonly key: string }
  /** How docker is started here; `undefined` without systemd. */
  readonly unit: ServiceUnit | undefined
}

/** @NOTE the last in the order of the alphabet wins: after an administrator's override.conf. */
export const DROP_IN = 'zz-lacre-docker-tls.conf'
export const DOCKER_SERVICE = 'docker.service'
const UNIX_SOCKET = 'unix:///var/run/docker.sock'
const FOLDER = '/etc/docker'

/**
 * The files of a docker daemon whose socket is protected: certificates 0444, the key 0400, all of the user who runs this (root), keys of
 * daemon.json, and a drop-in where systemd starts dockerd with flags that daemon.json may not repeat.
 *
 * @throws OnboardingError if such flags come from a file that is not ours to change.
 */
export function planDaemon({ root, listen, files, unit }: DaemonSettings): DaemonPlan {
  const at = (path: string) => join(root, path)
  const start = unit && readCommand(unit)
  const steps: Step[] = [
    { kind: 'folder', path: at(FOLDER), mode: 0o755 },
    { kind: 'file', path: at(`${FOLDER}/ca.pem`), text: files.ca, mode: 0o444 },
    { kind: 'file', path: at(`${FOLDER}/server-cert.pem`), text: files.certificate, mode: 0o444 },
    { kind: 'file', path: at(`${FOLDER}/server-key.pem`), text: files.key, mode: 0o400 },
    { kind: 'json', path: at(`${FOLDER}/daemon.json`), mode: 0o644, set: (current) => daemonKeys(current, listen, start?.hosts ?? []) },
  ]
  const dropIn = at(`/etc/systemd/system/${DOCKER_SERVICE}.d/${DROP_IN}`)
  if (start?.hasFlags) {
    const text = formatDropIn(start.rest, 'Written by lacre: dockerd refuses -H and --tls flags beside the same settings in daemon.json.')
    steps.push({ kind: 'file', path: dropIn, text, mode: 0o644 })
  }
  return { steps, notes: describeStart(unit) }
}

/** What daemon.json must say; other listeners stay, and so does the unix socket. */
function daemonKeys(current: JsonObject, listen: string, fromFlags: readonly string[]): JsonObject {
  const present = Array.isArray(current['hosts']) ? current['hosts'].filter((host) => typeof host === 'string') : []
  const known = [...present, ...fromFlags]
  const hasSocket = known.some((host) => /^(?:unix|fd):/.test(host))
  return {
    tlsverify: true,
    tlscacert: `${FOLDER}/ca.pem`,
    tlscert: `${FOLDER}/server-cert.pem`,
    tlskey: `${FOLDER}/server-key.pem`,
    hosts: [...new Set([...(hasSocket ? [] : [UNIX_SOCKET]), ...known, `tcp://${listen}`])],
  }
}

const FLAG = /\s(?:(?:-H(?:=|\s*)|--(?:host|tlscacert|tlscert|tlskey)(?:=|\s+))("[^"]*"|'[^']*'|\S+)|--tls(?:verify)?(?:=\w+)?(?=\s|$))/g

interface Start {
  readonly rest: string
  readonly hosts: readonly string[]
  readonly hasFlags: boolean
}

/** Parts the flags for listening and TLS from the rest of the command. */
function readCommand({ command, environmentFiles }: ServiceUnit): Start {
  for (const [path, text] of Object.entries(environmentFiles)) refuseFlags(path, text, command)
  const flags = [...command.matchAll(FLAG)]
  const hosts = flags.flatMap(([flag, value = '']) => (/^\s(?:-H|--host)/.test(flag) ? [value.replace(/^["']|["']$/g, '')] : []))
  // the socket that systemd would have opened is one that dockerd opens itself
  return { rest: command.replace(FLAG, ''), hosts: hosts.map((host) => (host.startsWith('fd:') ? UNIX_SOCKET : host)), hasFlags: flags.length > 0 }
}

/** A variable such as DOCKER_OPTS, which the command uses, and which holds what daemon.json will say. */
function refuseFlags(path: string, text: string, command: string): void {
  for (const [index, line] of text.replace(/\\\n/g, '  ').split('\n').entries()) {
    const [, name = '', value = ''] = /^\s*(?:export\s+)?(\w+)=(.*)$/.exec(line) ?? []
    const isUsed = name !== '' && new RegExp(`\\$\\{?${name}\\b`).test(command)
    if (!isUsed || ` ${value.replace(/["'“”„‘’]/g, ' ')}`.search(FLAG) < 0) continue
    const isCurly = /[“”„‘’]/.test(value)
    throw new OnboardingError(`${path} gives dockerd -H or --tls flags in ${name}${isCurly ? ', with a curly quote among them' : ''} (line ${index + 1})`, {
      hint: `take them out of ${path}: dockerd does not start when they stand there and in daemon.json, which will hold them; nothing was changed`,
    })
  }
}

function describeStart(unit: ServiceUnit | undefined): string[] {
  if (unit) return []
  return ['there is no docker.service here: see to it that dockerd is started without -H and --tls flags, which daemon.json holds']
}
