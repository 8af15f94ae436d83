import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Around, intercepted } from '../../test/support/intercepted.ts'
import { digestOf } from '../oci/digest.ts'
import { BlobStore } from './blobs.ts'
import { blobFolder } from './layout.ts'
import { MemoryDriver, systemError } from './memory.ts'
import { Volume } from './volume.ts'

const hello = digestOf('hello')

test('bytes that came into place but could not be synced are told of only once they are', async () => {
  let isFailing = false
  let synced = 0
  const around: Around = async (operation, proceed) => {
    const isFolder = operation.name === 'syncFolder' && operation.path === blobFolder(hello)
    if (isFolder && isFailing) throw systemError('EIO', 'fsync', operation.path)
    if (isFolder) synced++
    return proceed()
  }
  const volume = new Volume(intercepted(new MemoryDriver(), around))
  await volume.open()
  const blobs = new BlobStore(volume)

  isFailing = true
  await assert.rejects(blobs.commit(await volume.stage('blobs', Buffer.from('hello')), hello, 5), { code: 'EIO' })
  await assert.rejects(blobs.findSize(hello), { code: 'EIO' })
  isFailing = false
  assert.equal(await blobs.findSize(hello), 5)
  assert.equal(synced, 1)

  await blobs.commit(await volume.stage('blobs', Buffer.from('hello')), hello, 5)
  const before = synced
  assert.equal(await blobs.findSize(hello), 5)
  assert.equal(synced, before)
})
