import assert from 'node:assert/strict'
import { test } from 'node:test'
import { imageOf } from '../../test/support/images.ts'
import { openOn } from '../../test/support/on-driver.ts'
import { pushImage, pushManifest, repo } from '../../test/support/push.ts'
import { MemoryDriver } from '../volume/memory.ts'
import { listReferrers } from './referrers.ts'

test('a fallback index that names one child 40,000 times is no load on the index', async () => {
  const registry = await openOn(new MemoryDriver())
  const image = imageOf('first')
  const subject = await pushImage(registry, 'a', image, 'x')
  const child = `{"digest":"${image.digest}","size":0}`
  const index = `{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[${Array(40_000).fill(child).join(',')}]}`
  await pushManifest(registry, 'a', Buffer.from(index), `sha256-${subject.slice(7)}`)
  const { generation } = registry.rows
  const { descriptors } = await listReferrers(registry, repo('a'), subject, {})
  assert.deepEqual(
    descriptors.map(({ digest }) => digest),
    [image.digest],
  )
  assert.equal(registry.rows.generation, generation)
})
