import { CHOICE_OPTIONS } from './check-keys.ts'
import type { Findings } from './config-error.ts'
import { findOrigin } from './http-schema.ts'
import { findKeyFacts } from './keys.ts'
import { isListenAddress } from './listen-address.ts'
import { findNode, placeOf, type Scalar, type Section, type Tree } from './tree.ts'
import { isBlank } from './unsupported.ts'

/**
 * What one key alone cannot tell: one driver, both halves of TLS, and values that mean something else than they seem to.
 * Goes before the keys are checked, and removes values that Distribution ignores.
 */
export function checkValues(root: Section, findings: Findings): void {
  for (const check of checks) check(root, findings)
}

const checks = [
  checkVersion,
  checkStorage,
  checkAuth,
  checkAddress,
  checkTls,
  checkAcme,
  checkDeletion,
  checkHost,
  checkEndpoints,
  checkMetrics,
  checkNanoseconds,
]

function checkVersion(root: Section, { problems }: Findings): void {
  if (root.entries.has('version')) return
  problems.push({ path: 'version', ...placeOf(root), message: 'is not set', suggestion: 'begin the file with "version: 0.1"' })
  root.entries.set('version', { kind: 'scalar', value: '0.1', text: '0.1', where: 'default' })
}

function checkStorage(root: Section, { problems }: Findings): void {
  const drivers = namesIn(root, 'storage').filter((name) => !CHOICE_OPTIONS.has(`storage.${name}`))
  const suggestion = 'set REGISTRY_STORAGE=filesystem, or storage: {filesystem: {rootdirectory: /var/lib/registry}}'
  if (drivers.length === 0) problems.push({ path: 'storage', ...placeOf(findNode(root, ['storage']) ?? root), message: 'names no driver', suggestion })
  if (drivers.length > 1) {
    const message = `names more than one driver: ${drivers.join(', ')}`
    problems.push({ path: 'storage', ...placeOf(findNode(root, ['storage', drivers.at(-1) ?? '']) ?? root), message, suggestion })
  }
}

function checkAuth(root: Section, { problems }: Findings): void {
  const kinds = namesIn(root, 'auth')
  const auth = findNode(root, ['auth'])
  if (kinds.length > 1 && auth)
    problems.push({ path: 'auth', ...placeOf(auth), message: `names more than one kind: ${kinds.join(', ')}`, suggestion: 'keep one' })
}

function checkAddress(root: Section, { problems }: Findings): void {
  for (const path of ['http.addr', 'http.debug.addr']) {
    const node = scalarAt(root, path)
    const net = path === 'http.addr' && scalarAt(root, 'http.net')?.text === 'unix' ? 'unix' : 'tcp'
    if (!node || isListenAddress(node.text, net)) continue
    problems.push({
      path,
      ...placeOf(node),
      message: `is no address: ${JSON.stringify(node.text.slice(0, 60))}`,
      suggestion: 'write host:port or :port, for example :5000',
    })
  }
  const addr = findNode(root, ['http', 'addr'])
  if (scalarAt(root, 'http.addr') || (addr && addr.kind !== 'scalar')) return // a list or a map is told of as such
  const suggestion = 'set REGISTRY_HTTP_ADDR=:5000, or http: {addr: :5000}'
  problems.push({ path: 'http.addr', ...placeOf(findNode(root, ['http']) ?? root), message: 'is not set', suggestion })
}

function checkTls(root: Section, { problems, warnings }: Findings): void {
  const certificate = scalarAt(root, 'http.tls.certificate')
  const key = scalarAt(root, 'http.tls.key')
  if (certificate?.text && !key?.text) problems.push(missingHalf('http.tls.key', 'http.tls.certificate', certificate))
  if (key?.text && !certificate?.text) problems.push(missingHalf('http.tls.certificate', 'http.tls.key', key))
  const clientcas = findNode(root, ['http', 'tls', 'clientcas'])
  const namesAuthorities = clientcas?.kind === 'list' ? clientcas.items.length > 0 : Boolean(clientcas)
  if (clientcas && namesAuthorities && !certificate && !findAcme(root))
    warnings.push({ path: 'http.tls.clientcas', ...placeOf(clientcas), message: 'has no effect without http.tls.certificate: no client is checked' })
  const minimum = scalarAt(root, 'http.tls.minimumtls')
  if (minimum && /^tls1\.[01]$/.test(minimum.text))
    warnings.push({ path: 'http.tls.minimumtls', ...placeOf(minimum), message: `is ${minimum.text}, but TLS 1.2 is the oldest that is spoken` })
}

/** Distribution begins with ACME where `cachefile` is set, and then refuses every host that is not named. */
function checkAcme(root: Section, { problems, warnings }: Findings): void {
  const acme = findAcme(root)
  const certificate = scalarAt(root, 'http.tls.certificate')
  const hosts = findNode(root, ['http', 'tls', 'letsencrypt', 'hosts'])
  if (acme && certificate?.text)
    problems.push({ path: 'http.tls.letsencrypt', ...placeOf(acme), message: 'goes without http.tls.certificate', suggestion: 'keep one of them' })
  if (acme && (!hosts || isBlank(hosts))) {
    const suggestion = 'name the hosts that clients use, for example http: {tls: {letsencrypt: {hosts: [registry.example.com]}}}'
    problems.push({ path: 'http.tls.letsencrypt.hosts', ...placeOf(acme), message: 'names no host to get a certificate for', suggestion })
  }
  const [kid, file] = [scalarAt(root, 'lacre.acme.eab.kid'), scalarAt(root, 'lacre.acme.eab.hmackeyfile')]
  if (kid?.text && !file?.text) problems.push(missingHalf('lacre.acme.eab.hmackeyfile', 'lacre.acme.eab.kid', kid, 'set both, or neither'))
  if (file?.text && !kid?.text) problems.push(missingHalf('lacre.acme.eab.kid', 'lacre.acme.eab.hmackeyfile', file, 'set both, or neither'))
  const staging = scalarAt(root, 'lacre.acme.staging')
  if (staging?.value === true && scalarAt(root, 'http.tls.letsencrypt.directoryurl')?.text)
    warnings.push({ path: 'lacre.acme.staging', ...placeOf(staging), message: 'has no effect beside http.tls.letsencrypt.directoryurl' })
}

function findAcme(root: Section): Tree | undefined {
  const section = findNode(root, ['http', 'tls', 'letsencrypt'])
  return section && !isBlank(section) ? section : undefined
}

/** Distribution takes only a real boolean for `storage.delete.enabled` and ignores anything else. */
function checkDeletion(root: Section, { warnings }: Findings): void {
  const section = findNode(root, ['storage', 'delete'])
  const node = scalarAt(root, 'storage.delete.enabled')
  if (section?.kind !== 'section' || !node || typeof node.value === 'boolean') return
  const message = `is not true or false but ${JSON.stringify(node.text.slice(0, 60))}, so deletion stays off`
  warnings.push({ path: 'storage.delete.enabled', ...placeOf(node), message, suggestion: 'write it without quotes' })
  section.entries.delete('enabled')
}

/** Distribution ignores an `http.host` that is not a whole URL. */
function checkHost(root: Section, { warnings }: Findings): void {
  const section = findNode(root, ['http'])
  const node = scalarAt(root, 'http.host')
  if (section?.kind !== 'section' || !node || findOrigin(node.text)) return
  const suggestion = `write https://${node.text.slice(0, 60)}`
  if (node.text) warnings.push({ path: 'http.host', ...placeOf(node), message: 'is no URL and is ignored', suggestion })
  section.entries.delete('host')
}

/** Events wait under the endpoint's name, so there is one of each. */
function checkEndpoints(root: Section, { problems, warnings }: Findings): void {
  const names = new Set<string>()
  for (const path of endpointPaths(root)) {
    const name = scalarAt(root, `${path}.name`)
    if (name && names.has(name.text))
      problems.push({
        path: `${path}.name`,
        ...placeOf(name),
        message: `is ${JSON.stringify(name.text.slice(0, 60))} as another endpoint's`,
        suggestion: 'give each its own name',
      })
    if (name) names.add(name.text)
    const actions = findNode(root, `${path}.ignore.actions`.split('.'))
    for (const node of actions?.kind === 'list' ? actions.items : [])
      if (node.kind === 'scalar' && !EVENT_ACTIONS.has(node.text))
        warnings.push({
          path: `${path}.ignore.actions`,
          ...placeOf(node),
          message: `names ${JSON.stringify(node.text.slice(0, 60))}, which no event has`,
          suggestion: 'there are pull, push, mount and delete',
        })
  }
}

const EVENT_ACTIONS = new Set(['pull', 'push', 'mount', 'delete'])

function endpointPaths(root: Section): string[] {
  const endpoints = findNode(root, ['notifications', 'endpoints'])
  return endpoints?.kind === 'list' ? endpoints.items.map((_, index) => `notifications.endpoints.${index}`) : []
}

function checkNanoseconds(root: Section, { warnings }: Findings): void {
  for (const [parts, node] of scalarsOf(root, [])) {
    const isTiny = Number.isInteger(node.value) && Number(node.value) > 0 && Number(node.value) < 1e6
    if (!isTiny || findKeyFacts(parts)?.unit !== 'milliseconds') continue
    warnings.push({ path: parts.join('.'), ...placeOf(node), message: `is ${node.text} nanoseconds`, suggestion: `write ${node.text}s for seconds` })
  }
}

function scalarsOf(node: Tree, path: readonly string[]): [path: readonly string[], node: Scalar][] {
  if (node.kind === 'scalar') return [[path, node]]
  const children = node.kind === 'list' ? node.items.map((item, index) => [String(index), item] as const) : [...node.entries]
  return children.flatMap(([key, child]) => scalarsOf(child, [...path, key]))
}

function namesIn(root: Section, key: string): string[] {
  const node = root.entries.get(key)
  return node?.kind === 'section' ? [...node.entries.keys()] : []
}

function scalarAt(root: Section, path: string): Scalar | undefined {
  const node = findNode(root, path.split('.'))
  return node?.kind === 'scalar' && node.value !== null ? node : undefined
}

/** Distribution says nothing either, but whoever enables metrics expects them. */
function checkMetrics(root: Section, { warnings }: Findings): void {
  const enabled = scalarAt(root, 'http.debug.prometheus.enabled')
  if (enabled?.value !== true || scalarAt(root, 'http.debug.addr')) return
  const message = 'has no effect without http.debug.addr'
  warnings.push({ path: 'http.debug.prometheus.enabled', ...placeOf(enabled), message, suggestion: 'set http.debug.addr, or read /metrics on http.addr' })
}

function missingHalf(path: string, other: string, node: Scalar, suggestion = 'set both for HTTPS, or neither') {
  return { path, ...placeOf(node), message: `is not set, but ${other} is`, suggestion }
}
