import assert from 'node:assert/strict'
import { Readable } from 'node:stream'
import { digestOf } from '../../src/oci/digest.ts'
import { OciError } from '../../src/oci/error.ts'
import { parseRepositoryName } from '../../src/oci/name.ts'
import { collectGarbage } from '../../src/registry/collect-garbage.ts'
import type { Registry } from '../../src/registry/registry.ts'
import { settleAll } from '../../src/registry/settle.ts'
import { listTags } from '../../src/registry/tags.ts'
import { appendToUpload, finishUpload, getUpload, startUpload } from '../../src/registry/uploads.ts'
import { Client } from '../support/client.ts'
import { imageOf } from '../support/images.ts'
import { GRACE_MS, type Interleaving, type Stage } from '../support/interleave.ts'

const APP = 'team/app'
const OTHER = 'other/app'
const first = imageOf('first')
const second = imageOf('second')
const third = imageOf('third')
const layer = first.blobs[1] as Buffer
const layerDigest = digestOf(layer)

const app = ({ registry, ledger }: Pick<Stage, 'registry' | 'ledger'>): Client => new Client(registry, ledger, APP)
const other = ({ registry, ledger }: Pick<Stage, 'registry' | 'ledger'>): Client => new Client(registry, ledger, OTHER)
const collect = ({ registry }: Stage): Promise<unknown> => collectGarbage(registry, { graceMs: GRACE_MS, isServing: true })

/** What the issue and the invariants ask to be driven through every order of its steps. */
export const interleavings: Readonly<Record<string, Interleaving>> = {
  'two writers on one tag': {
    prepare: async (registry, ledger) => {
      const client = app({ registry, ledger })
      await client.pushImage(first, 'latest')
      for (const blob of [...second.blobs, ...third.blobs]) await client.pushBlob(blob)
    },
    actors: (stage) => ({ one: () => app(stage).putManifest(second, 'latest'), two: () => app(stage).putManifest(third, 'latest') }),
  },

  'PUT of a tag against DELETE of its manifest against a reader': {
    prepare: (registry, ledger) => app({ registry, ledger }).pushImage(first, 'latest'),
    actors: (stage) => ({
      deleter: () => app(stage).deleteManifest(first.digest, 'latest'),
      reader: async () => {
        await app(stage).readTag('latest')
        await stage.pause('the reader rests')
        await app(stage).readManifest(first.digest)
      },
      writer: () => app(stage).putManifest(first, 'latest'),
    }),
  },

  'a tag that moves, and DELETE of its old manifest, against a reader': {
    isUnsettled: true, // else the reader would find all links in memory
    prepare: async (registry, ledger) => {
      await app({ registry, ledger }).pushImage(second)
      await app({ registry, ledger }).pushImage(first, 'latest')
    },
    actors: (stage) => ({
      mover: async () => {
        await app(stage).putManifest(second, 'latest')
        await app(stage).deleteManifest(first.digest, 'latest')
      },
      reader: async () => {
        await app(stage).readTag('latest')
        await stage.pause('the reader rests')
        await app(stage).readTag('latest')
      },
    }),
  },

  'PUT of a manifest against unlink of its blob': {
    prepare: async (registry, ledger) => {
      for (const blob of first.blobs) await app({ registry, ledger }).pushBlob(blob)
    },
    actors: (stage) => ({ deleter: () => app(stage).deleteBlob(layerDigest), writer: () => app(stage).putManifest(first, 'latest') }),
  },

  'a mount against deletion of the source and collection': {
    prepare: (registry, ledger) => app({ registry, ledger }).pushBlob(layer),
    actors: (stage) => ({
      collector: async () => {
        await collect(stage)
      },
      deleter: () => app(stage).deleteBlob(layerDigest),
      mounter: async () => {
        await other(stage).mount(layerDigest, APP)
      },
    }),
  },

  'upload of a digest against its collection': {
    prepare: async (registry, ledger) => {
      await app({ registry, ledger }).pushBlob(layer)
      await app({ registry, ledger }).deleteBlob(layerDigest)
    },
    actors: (stage) => ({
      collector: async () => {
        await collect(stage)
      },
      uploader: () => app(stage).pushBlob(layer),
    }),
  },

  'PUT of a manifest against collection of its layers': {
    prepare: async (registry, ledger) => {
      await app({ registry, ledger }).pushImage(second, 'latest')
      for (const blob of first.blobs) await app({ registry, ledger }).pushBlob(blob)
    },
    actors: (stage) => ({
      collector: async () => {
        await app(stage).losing(
          first.blobs.map((blob) => digestOf(blob)),
          () => collect(stage),
        )
      },
      writer: () => app(stage).putManifest(first, 'first'),
    }),
  },

  'settling against PUT and a list': {
    isUnsettled: true,
    prepare: async (registry, ledger) => {
      await app({ registry, ledger }).pushImage(first, 'a', 'b')
      for (const blob of second.blobs) await app({ registry, ledger }).pushBlob(blob)
    },
    actors: (stage) => ({
      lister: async () => {
        const { tags } = await listTags(stage.registry, parseRepositoryName(APP), {})
        assert.ok(tags.includes('a'))
      },
      settler: () => settleAll(stage.registry),
      writer: () => app(stage).putManifest(second, 'b', 'c'),
    }),
  },

  'a dropped PATCH whose last write is late against its successor': {
    prepare: (registry, ledger) => app({ registry, ledger }).pushImage(second, 'latest'),
    actors: (stage) => {
      const started = Promise.withResolvers<string>()
      const gone = Promise.withResolvers<void>()
      return {
        dropped: async () => {
          const { id } = await startUpload(stage.registry, parseRepositoryName(APP))
          started.resolve(id)
          const body = brokenAfter(layer.subarray(0, 9), layer.subarray(9, 20))
          await appendToUpload(stage.registry, parseRepositoryName(APP), id, { body }).catch(ignoreBroken).finally(gone.resolve)
        },
        successor: async () => {
          const id = await started.promise
          await app(stage).promise(layerDigest, () => resume(stage, id, gone.promise))
        },
      }
    },
  },

  'two ends of one upload': {
    prepare: (registry, ledger) => app({ registry, ledger }).pushImage(second, 'latest'),
    actors: (stage) => {
      const started = startUpload(stage.registry, parseRepositoryName(APP)).then(async ({ id }) => {
        await appendToUpload(stage.registry, parseRepositoryName(APP), id, { body: Readable.from([layer]) })
        return id
      })
      const finish = async (): Promise<void> => {
        const id = await started
        await app(stage).promise(layerDigest, () => finishUpload(stage.registry, parseRepositoryName(APP), id, { digest: layerDigest }))
      }
      return { one: finish, two: finish }
    },
  },
}

/** Goes on where the upload stands: three times while somebody else is still writing, and once when that has ended. */
async function resume({ registry, pause }: Stage, id: string, gone: Promise<void>): Promise<void> {
  for (let attempt = 0; ; attempt++) {
    if (attempt === 3) await gone
    const { offset } = await getUpload(registry, parseRepositoryName(APP), id)
    const isDone = await finishFrom(registry, id, offset)
    if (isDone) return
    if (attempt === 3) throw new Error('the upload stays claimed')
    await pause('the client waits')
  }
}

/** `false` when somebody else is writing. */
async function finishFrom(registry: Registry, id: string, offset: number): Promise<boolean> {
  try {
    await finishUpload(registry, parseRepositoryName(APP), id, { digest: layerDigest, chunk: { body: Readable.from([layer.subarray(offset)]), offset } })
    return true
  } catch (error) {
    if (error instanceof OciError && error.code === 'RANGE_INVALID') return false
    throw error
  }
}

function brokenAfter(...chunks: Buffer[]): Readable {
  return Readable.from(
    (async function* () {
      yield* chunks
      throw new Error('the connection broke')
    })(),
  )
}

function ignoreBroken(error: Error): void {
  if (error.message !== 'the connection broke') throw error
}
