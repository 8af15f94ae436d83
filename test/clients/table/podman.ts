import assert from 'node:assert/strict'
import { type Client, defineClient } from './client.ts'
import { type ContainersTool, runAt, sharedAttempts, sharedCells } from './containers-storage.ts'
import { ok } from './place.ts'
import { findVersionOf } from './programs.ts'
import { trustInFolder } from './site.ts'

/** @NOTE with runc and these limits, containers run in a container too */
const RUN = ['run', '--rm', '--runtime', 'runc', '--ulimit', 'nofile=1024:1024', '--ulimit', 'nproc=1024:1024', '--network', 'none']

export const podman: Client = defineClient<ContainersTool>({
  name: 'podman',
  findVersion: () => findVersionOf('podman', ['--version'], /version (\S+)/),
  trusts: '`/etc/containers/certs.d/registry.example:5000/ca.crt`; beside it `client.cert` and `client.key`',
  open: (ground) => Promise.resolve({ ...ground, program: 'podman' }),
  trust: (_, site) => trustInFolder('/etc/containers/certs.d', site),
  cells: {
    ...sharedCells,
    async run(tool, place) {
      assert.equal(ok(await runAt(tool, place.site, ...RUN, place.stock('runnable:latest'))), 'hello\n')
    },
    async tags(tool, place) {
      assert.match(ok(await runAt(tool, place.site, 'search', '--list-tags', place.stock('small'))), /small\s+v1\n.*small\s+v2/)
    },
    async catalog(tool, place) {
      assert.match(ok(await runAt(tool, place.site, 'search', '--limit', '100', `${place.site.host}/`)), /stock\/multi[\s\S]*stock\/small/)
    },
    async search(tool, place) {
      const found = ok(await runAt(tool, place.site, 'search', `${place.site.host}/sma`))
      assert.match(found, /stock\/small/)
      assert.doesNotMatch(found, /stock\/multi/)
    },
    deleteManifest: 'no command',
    deleteTag: 'no command',
    artifact: 'no command',
    copyReferrers: 'no command',
  },
  attempts: sharedAttempts,
})
