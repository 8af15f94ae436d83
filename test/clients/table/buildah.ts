import assert from 'node:assert/strict'
import { type Client, defineClient } from './client.ts'
import { type ContainersTool, runAt, sharedAttempts, sharedCells } from './containers-storage.ts'
import { ok } from './place.ts'
import { findVersionOf } from './programs.ts'
import { trustInFolder } from './site.ts'

export const buildah: Client = defineClient<ContainersTool>({
  name: 'buildah',
  findVersion: () => findVersionOf('buildah', ['--version'], /version (\S+)/),
  trusts: '`/etc/containers/certs.d/registry.example:5000/ca.crt`; beside it `client.cert` and `client.key`',
  open: (ground) => Promise.resolve({ ...ground, program: 'buildah' }),
  trust: (_, site) => trustInFolder('/etc/containers/certs.d', site),
  cells: {
    ...sharedCells,
    async run(tool, place) {
      const container = ok(await runAt(tool, place.site, 'from', '--quiet', place.stock('runnable:latest'))).trim()
      assert.equal(ok(await runAt(tool, place.site, 'run', '--isolation', 'chroot', container, '/bin/busybox', 'echo', 'hello')), 'hello\n')
      ok(await runAt(tool, place.site, 'rm', container))
    },
    tags: 'no command',
    catalog: 'no command',
    search: 'no command',
    deleteManifest: 'no command',
    deleteTag: 'no command',
    artifact: 'no command',
    copyReferrers: 'no command',
  },
  attempts: sharedAttempts,
})
