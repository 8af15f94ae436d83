import assert from 'node:assert/strict'
import { access, mkdtemp } from 'node:fs/promises'
import { join } from 'node:path'
import { runOk } from '../support/command.ts'
import { ociManifestType } from '../support/registry-client.ts'
import { type Client, defineClient, everyAction, type Ground } from './client.ts'
import { assertServed, ok } from './place.ts'
import { findVersionOf } from './programs.ts'
import { trustInFolder } from './site.ts'
import { skopeoAt } from './skopeo.ts'

/** umoci makes and unpacks OCI layouts on disk; skopeo carries them. */
export const umoci: Client = defineClient<Ground>({
  name: 'umoci with skopeo',
  findVersion: () => findVersionOf('umoci', ['--version'], /version (\S+)/),
  trusts: '`/etc/containers/certs.d/registry.example:5000/ca.crt`; beside it `client.cert` and `client.key`',
  open: (ground) => Promise.resolve(ground),
  trust: (_, site) => trustInFolder('/etc/containers/certs.d', site),
  cells: {
    ...everyAction('skopeo does it'),
    async pushOci(_, place) {
      const layout = join(await mkdtemp(join(place.folder, 'made-')), 'layout')
      await runOk('umoci', ['init', '--layout', layout])
      await runOk('umoci', ['new', '--image', `${layout}:v1`])
      await runOk('umoci', ['insert', '--rootless', '--image', `${layout}:v1`, import.meta.filename, '/inserted.txt'])
      ok(await skopeoAt(place.site, 'copy', `oci:${layout}:v1`, `docker://${place.own('oci:v1')}`))
      await assertServed(place, place.own('oci:v1'), ociManifestType)
    },
    async pullTag(_, place) {
      const target = await mkdtemp(join(place.folder, 'unpacked-'))
      ok(await skopeoAt(place.site, 'copy', `docker://${place.stock('runnable:latest')}`, `oci:${join(target, 'layout')}:v1`))
      await runOk('umoci', ['unpack', '--image', `${join(target, 'layout')}:v1`, join(target, 'bundle')])
      await assert.doesNotReject(access(join(target, 'bundle/rootfs/bin/busybox')))
    },
    build: 'builds on disk',
    cache: 'no command',
    run: 'runs nothing',
  },
  attempts: {},
})
