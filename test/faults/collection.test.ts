import assert from 'node:assert/strict'
import { test } from 'node:test'
import { digestOf } from '../../src/oci/digest.ts'
import { collectGarbage } from '../../src/registry/collect-garbage.ts'
import { closeRegistry } from '../../src/registry/registry.ts'
import { Client } from '../support/client.ts'
import { rebuiltRows } from '../support/failures.ts'
import { imageOf } from '../support/images.ts'
import { Ledger } from '../support/ledger.ts'
import { openOn } from '../support/on-driver.ts'
import { PowerCutDriver } from '../support/power-cut.ts'
import { rowsOf, verifyPromises } from '../support/verify.ts'

test('collection keeps what is used and takes what is not, with every promise kept', async () => {
  const [first, second] = [imageOf('first'), imageOf('second')]
  const volume = new PowerCutDriver()
  const registry = await openOn(volume)
  const ledger = new Ledger()
  const client = new Client(registry, ledger, 'team/app')
  await client.pushImage(first, 'latest')
  await client.pushImage(second, 'old')
  await client.deleteManifest(second.digest, 'old')
  const summary = await client.losing(
    second.blobs.map((blob) => digestOf(blob)),
    () => collectGarbage(registry, { graceMs: 0, isServing: false }),
  )
  assert.deepEqual(summary, {
    manifests: 0,
    layers: 2,
    blobs: 3,
    bytes: [...second.blobs, second.manifest].reduce((sum, { byteLength }) => sum + byteLength, 0),
  })
  await verifyPromises(registry, ledger)
  assert.deepEqual(rowsOf(registry), await rebuiltRows(volume))
  closeRegistry(registry)
})
