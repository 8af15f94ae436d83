import { digestOf } from '../../src/oci/digest.ts'
import { collectGarbage } from '../../src/registry/collect-garbage.ts'
import type { Registry } from '../../src/registry/registry.ts'
import { Client } from '../support/client.ts'
import type { Scenario } from '../support/cuts.ts'
import { imageOf } from '../support/images.ts'
import type { Ledger } from '../support/ledger.ts'

const first = imageOf('first')
const second = imageOf('second')
const third = imageOf('third')

const push: Scenario['act'] = async (registry, ledger) => {
  await new Client(registry, ledger, 'team/app').pushImage(first, 'latest')
}

/** Collection without grace, of the blobs that only the first image used. */
async function collectFirst(registry: Registry, ledger: Ledger): Promise<void> {
  const gone = first.blobs.map((blob) => digestOf(blob))
  await new Client(registry, ledger, 'team/app').losing(gone, () => collectGarbage(registry, { graceMs: 0, isServing: false }))
}

/** What is cut, killed and failed at every step. */
export const scenarios: Readonly<Record<string, Scenario>> = {
  'the first push of a repository': { act: push, again: push },

  'two overwrites of one tag at the same time': {
    prepare: async (registry, ledger) => {
      const client = new Client(registry, ledger, 'team/app')
      await client.pushImage(first, 'latest')
      for (const blob of [...second.blobs, ...third.blobs]) await client.pushBlob(blob)
    },
    act: async (registry, ledger) => {
      const client = new Client(registry, ledger, 'team/app')
      await settledAll([client.putManifest(second, 'latest'), client.putManifest(third, 'latest')])
    },
    again: async (registry, ledger) => {
      const client = new Client(registry, ledger, 'team/app')
      await client.pushImage(third, 'latest')
      await client.pushImage(second, 'latest')
    },
  },

  'the deletion of a tag': {
    prepare: async (registry, ledger) => {
      const client = new Client(registry, ledger, 'team/app')
      await client.pushImage(first, 'old', 'kept')
      await client.pushImage(second, 'old')
    },
    act: (registry, ledger) => new Client(registry, ledger, 'team/app').deleteTag('old'),
    again: async (registry, ledger) => {
      const client = new Client(registry, ledger, 'team/app')
      await client.pushImage(first, 'old')
      await client.deleteTag('old')
    },
  },

  'the deletion of a manifest with two tags': {
    prepare: async (registry, ledger) => {
      const client = new Client(registry, ledger, 'team/app')
      await client.pushImage(first, 'a', 'b')
      await client.pushImage(second, 'c')
    },
    act: (registry, ledger) => new Client(registry, ledger, 'team/app').deleteManifest(first.digest, 'a', 'b', 'c'),
    again: async (registry, ledger) => {
      const client = new Client(registry, ledger, 'team/app')
      await client.pushImage(first, 'a')
      await client.deleteManifest(first.digest, 'a', 'b', 'c')
    },
  },

  'the deletion of a blob, and its push again': {
    prepare: push,
    act: async (registry, ledger) => {
      const client = new Client(registry, ledger, 'team/app')
      await client.deleteManifest(first.digest, 'latest')
      for (const blob of first.blobs) await client.deleteBlob(digestOf(blob))
      for (const blob of first.blobs) await client.pushBlob(blob)
    },
    again: push,
  },

  'a collection': {
    prepare: async (registry, ledger) => {
      const client = new Client(registry, ledger, 'team/app')
      await client.pushImage(first, 'old')
      await client.pushImage(second, 'kept')
      await client.deleteManifest(first.digest, 'old')
    },
    act: collectFirst,
    again: async (registry, ledger) => {
      await collectFirst(registry, ledger)
      await push(registry, ledger)
    },
  },

  'a mount from another repository, and a manifest on it': {
    prepare: push,
    act: async (registry, ledger) => {
      const client = new Client(registry, ledger, 'other/app')
      for (const blob of first.blobs) await client.mount(digestOf(blob), 'team/app')
      await client.putManifest(first, 'latest')
    },
    again: async (registry, ledger) => {
      await new Client(registry, ledger, 'other/app').pushImage(first, 'latest')
    },
  },
}

/** Waits for all, whatever becomes of each: the ledger knows which were acknowledged. */
async function settledAll(work: readonly Promise<void>[]): Promise<void> {
  const results = await Promise.allSettled(work)
  for (const result of results) if (result.status === 'rejected') throw result.reason
}
