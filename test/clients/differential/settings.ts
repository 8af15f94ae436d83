import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { runOk } from '../support/command.ts'
import { manifestScenarios } from './manifest-requests.ts'
import { generalScenarios } from './requests.ts'
import { type Ask, ask, patch, put, type Scenario, upload } from './scenario.ts'

/** A way to configure both registries, and what is asked of them then. */
export interface Setting {
  readonly name: string
  /** Variables on top of plain HTTP with deletion on; `folder` is the server's own. */
  readonly environment: (folder: string) => Promise<Readonly<Record<string, string>>>
  readonly scenarios: readonly Scenario[]
}

const basic = (credentials: string): Record<string, string> => ({ Authorization: `Basic ${Buffer.from(credentials).toString('base64')}` })
const USER = basic('user:p4ssw0rd')
const withUser = (asked: Ask): Ask => ({ ...asked, headers: { ...asked.headers, ...USER } })

const strangers: Scenario = {
  name: 'strangers',
  asks: [
    ask('GET /v2/'),
    ask('GET /'),
    ask('GET /v2/_catalog'),
    ask('GET /v2/team/app/tags/list'),
    ...['GET', 'HEAD', 'PUT', 'DELETE'].map((method) => ask(`${method} /v2/team/app/manifests/latest`)),
    ...['GET', 'HEAD', 'DELETE'].map((method) => ask(`${method} /v2/team/app/blobs/{layer}`)),
    ask('POST /v2/team/app/blobs/uploads/'),
    ask('POST /v2/team/app/blobs/uploads/?mount={layer}&from=team/base'),
    ...['GET', 'PATCH', 'PUT', 'DELETE'].map((method) => ask(`${method} /v2/team/app/blobs/uploads/0d1c9e2f-5a0b-4b52-8d7e-0a4d0f0d8a11`)),
    ask('GET /v2/team/app/unknown'),
    ask('GET /v2/', basic('user:wrong')),
    ask('GET /v2/', basic('nobody:p4ssw0rd')),
    ask('GET /v2/', basic('user')),
    ask('GET /v2/', basic(':')),
    ask('GET /v2/', { Authorization: 'Basic !!!' }),
    ask('GET /v2/', { Authorization: 'Bearer x' }),
    ask('GET /v2/', { Authorization: 'basic dXNlcjpwNHNzdzByZA==' }),
    withUser(ask('GET /v2/')),
    withUser(ask('GET /v2/_catalog')),
    ...upload('team/app', 'config').map(withUser),
    withUser(put('team/app', 'v1', 'bare')),
    withUser(ask('GET /v2/team/app/tags/list')),
  ],
}

const addresses: Scenario = {
  name: 'addresses',
  asks: [
    ask('POST /v2/addresses/blobs/uploads/'),
    ask('POST /v2/addresses/blobs/uploads/', { Host: 'registry.example' }),
    ask('POST /v2/addresses/blobs/uploads/', { 'X-Forwarded-Proto': 'https' }),
    ask('POST /v2/addresses/blobs/uploads/', { 'X-Forwarded-Proto': 'https', 'X-Forwarded-Host': 'proxy.example' }),
    ask('POST /v2/addresses/blobs/uploads/', { 'X-Forwarded-Proto': 'https,http', 'X-Forwarded-Host': 'first.example, second.example' }),
    ask('POST /v2/addresses/blobs/uploads/', { Forwarded: 'for=1.2.3.4;host=proxy.example;proto=https' }),
    ask('POST /v2/addresses/blobs/uploads/', { Forwarded: 'for=1.2.3.4;host="proxy.example:8443";proto=https, for=2.3.4.5;host=second.example' }),
    ...upload('addresses', 'config'),
    put('addresses', 'v1', 'bare'),
    ask('GET /v2/_catalog?n=1', { 'X-Forwarded-Proto': 'https', 'X-Forwarded-Host': 'proxy.example' }),
  ],
}

const prefixed: Scenario = {
  name: 'prefixed',
  asks: [ask('GET /below/v2/'), ask('GET /v2/'), ask('GET /'), ask('GET /below/'), ask('POST /below/v2/prefixed/blobs/uploads/')],
}

const undeletable: Scenario = {
  name: 'undeletable',
  asks: [
    ...upload('undeletable', 'config'),
    put('undeletable', 'v1', 'bare'),
    ask('DELETE /v2/undeletable/manifests/{bare}'),
    ask('DELETE /v2/undeletable/manifests/{plain}'),
    ask('DELETE /v2/undeletable/manifests/v1'),
    ask('DELETE /v2/undeletable/blobs/{config}'),
    ask('DELETE /v2/undeletable/blobs/{layer}'),
    { send: 'POST /v2/undeletable/blobs/uploads/', keep: 'session' },
    ask('DELETE {session}'),
    ask('GET /v2/undeletable/tags/list'),
  ],
}

const unwritable: Scenario = {
  name: 'unwritable',
  asks: [
    ask('GET /v2/'),
    ask('GET /v2/_catalog'),
    ask('POST /v2/unwritable/blobs/uploads/'),
    put('unwritable', 'v1', 'bare'),
    ask('DELETE /v2/unwritable/manifests/{bare}'),
    ask('DELETE /v2/unwritable/blobs/{config}'),
    ask('GET /v2/unwritable/blobs/uploads/0d1c9e2f-5a0b-4b52-8d7e-0a4d0f0d8a11'),
    { ...patch('config', 'half'), send: 'PATCH /v2/unwritable/blobs/uploads/0d1c9e2f-5a0b-4b52-8d7e-0a4d0f0d8a11' },
    ask('GET /v2/unwritable/manifests/v1'),
    ask('HEAD /v2/unwritable/blobs/{config}'),
  ],
}

const fixed = (variables: Readonly<Record<string, string>>) => () => Promise.resolve(variables)

export const settings: readonly Setting[] = [
  { name: 'plain', environment: fixed({}), scenarios: [...generalScenarios, ...manifestScenarios, addresses] },
  { name: 'htpasswd', environment: htpasswd, scenarios: [strangers] },
  { name: 'http.host', environment: fixed({ REGISTRY_HTTP_HOST: 'https://registry.example:8443' }), scenarios: [addresses] },
  { name: 'http.relativeurls', environment: fixed({ REGISTRY_HTTP_RELATIVEURLS: 'true' }), scenarios: [addresses] },
  { name: 'http.prefix', environment: fixed({ REGISTRY_HTTP_PREFIX: '/below/' }), scenarios: [prefixed] },
  { name: 'no deletion', environment: fixed({ REGISTRY_STORAGE_DELETE_ENABLED: 'false' }), scenarios: [undeletable] },
  { name: 'read-only', environment: fixed({ REGISTRY_STORAGE_MAINTENANCE_READONLY: '{"enabled": true}' }), scenarios: [unwritable] },
]

async function htpasswd(folder: string): Promise<Readonly<Record<string, string>>> {
  const path = join(folder, 'htpasswd')
  await mkdir(folder, { recursive: true })
  await writeFile(path, await runOk('htpasswd', ['-Bbn', 'user', 'p4ssw0rd']))
  return { REGISTRY_AUTH: 'htpasswd', REGISTRY_AUTH_HTPASSWD_REALM: 'Registry Realm', REGISTRY_AUTH_HTPASSWD_PATH: path }
}
