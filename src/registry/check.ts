import { type Digest, DigestHash, digestAlgorithm, digestHex, isDigestAlgorithm } from '../oci/digest.ts'
import type { RepositoryName } from '../oci/name.ts'
import { findTagName, type Tag } from '../oci/reference.ts'
import { blobData, manifestsFolder, parentOf, repositoryFolder, tagCurrentLink, tagFolder, tagHistoryFolder, tagsFolder } from '../volume/layout.ts'
import { inspectLink, isSystemError } from '../volume/links.ts'
import { findMissingReferences } from './references.ts'
import type { Registry } from './registry.ts'
import { discoverRepositories, everyRepository } from './repositories.ts'
import { selectHolders } from './revision-rows.ts'
import { settleUnderLock } from './settle.ts'
import { findManifest } from './stored-manifests.ts'

export interface CheckOptions {
  /** Reads and hashes every blob, too. */
  readonly bytes?: boolean
  readonly onFinding: (finding: Finding) => void
  readonly onProgress?: (done: number) => void
}

/**
 * `damaged`: it is there and wrong. `missing`: something names it and it is not there. `orphaned`: nothing names it.
 * `row`: the index said something else than the volume, and was mended.
 */
export interface Finding {
  readonly kind: 'damaged' | 'missing' | 'orphaned' | 'row'
  readonly repository?: RepositoryName
  readonly path: string
  readonly sentence: string
}

/** Looks at every link, row and digest of the volume and names what is wrong. Serving goes on meanwhile. Returns how many findings there were. */
export async function checkVolume(registry: Registry, options: CheckOptions): Promise<number> {
  registry.links.forgetAll() // somebody may have edited them by hand
  let findings = 0
  let done = 0
  const find = (finding: Finding): void => {
    findings++
    options.onFinding(finding)
  }
  await forgiveMended(registry)
  registry.settlement.discovery = undefined // somebody may have edited folders by hand, too
  await discoverRepositories(registry)
  for (const [path, cause] of registry.settlement.unseen) find({ kind: 'damaged', path, sentence: `it cannot be looked into: ${(cause as Error).message}` })
  for await (const repository of everyRepository(registry)) {
    await checkRepository(registry, repository, find)
    options.onProgress?.(++done)
  }
  for await (const digest of registry.blobs.walk()) {
    await goOn({ path: blobData(digest) }, find, () => checkBlob(registry, digest, options.bytes === true, find))
    options.onProgress?.(++done)
  }
  return findings
}

type Find = (finding: Finding) => void

async function checkRepository(registry: Registry, repository: RepositoryName, find: Find): Promise<void> {
  const folder = repositoryFolder(repository)
  await goOn({ repository, path: folder }, find, () => checkRows(registry, repository, find))
  for (const below of ['_layers', '_manifests/revisions']) await checkDigestLinks(registry, repository, `${folder}/${below}`, find)
  await goOn({ repository, path: tagsFolder(repository) }, find, () => checkTags(registry, repository, find))
  await goOn({ repository, path: manifestsFolder(repository) }, find, () => checkStray(registry, repository, manifestsFolder(repository), find))
}

/** What the disk does not give is a finding, and the check goes on. */
async function goOn(where: Pick<Finding, 'repository' | 'path'>, find: Find, work: () => Promise<void>): Promise<void> {
  try {
    await work()
  } catch (error) {
    if (!isSystemError(error)) throw error
    find({ kind: 'damaged', ...where, sentence: `it cannot be read: ${error.message}` })
  }
}

async function checkRows(registry: Registry, repository: RepositoryName, find: Find): Promise<void> {
  const { settlement, locks } = registry
  await locks.repository.run(repository, async () => {
    const wasBelieved = settlement.settled.delete(repository)
    const changes = await settleUnderLock(registry, repository)
    if (!wasBelieved || changes === 0) return
    find({ kind: 'row', repository, path: repositoryFolder(repository), sentence: `${changes} rows of the index differed from the volume and were mended` })
  })
}

/** Links below `<alg>/<hex>/link`: readable, and the bytes they name there; a manifest whole. */
async function checkDigestLinks(registry: Registry, repository: RepositoryName, folder: string, find: Find): Promise<void> {
  const { driver } = registry.volume
  for (const algorithm of await driver.list(folder)) {
    if (!isDigestAlgorithm(algorithm.name)) continue
    for (const { name } of await driver.list(`${folder}/${algorithm.name}`)) {
      const path = `${folder}/${algorithm.name}/${name}/link`
      await goOn({ repository, path }, find, () => checkDigestLink(registry, repository, path, find))
    }
  }
}

async function checkDigestLink(registry: Registry, repository: RepositoryName, path: string, find: Find): Promise<void> {
  const link = await inspectLink(registry.volume.driver, path)
  if (link.state === 'damaged') find(damagedLink(repository, path))
  if (link.state === 'there') await checkTarget(registry, { repository, path, digest: link.digest }, find)
}

interface Target {
  readonly repository: RepositoryName
  /** The link's. */
  readonly path: string
  readonly digest: Digest
}

async function checkTarget(registry: Registry, { repository, path, digest }: Target, find: Find): Promise<void> {
  if ((await registry.blobs.findSize(digest)) === undefined) {
    return find({ kind: 'missing', repository, path: blobData(digest), sentence: `${path} names bytes that are not there: push ${digest} again` })
  }
  if (!path.includes('/_manifests/revisions/')) return
  const manifest = await findManifest(registry, digest).catch((error: Error & { detail?: { reason?: string } }) => error.detail?.reason ?? error.message)
  if (!manifest) return find({ kind: 'damaged', repository, path: blobData(digest), sentence: `the manifest ${digest} is damaged: push it again` })
  if (typeof manifest === 'string')
    return find({ kind: 'damaged', repository, path: blobData(digest), sentence: `the manifest ${digest} is not one that is served: ${manifest}` })
  for (const missing of await findMissingReferences(registry, repository, manifest.parsed)) {
    find({
      kind: 'missing',
      repository,
      path: blobData(missing),
      sentence: `the manifest ${digest} names ${missing}, which ${repository} does not have: push it again`,
    })
  }
}

async function checkTags(registry: Registry, repository: RepositoryName, find: Find): Promise<void> {
  const { driver } = registry.volume
  for (const { name } of await driver.list(tagsFolder(repository))) {
    const tag = findTagName(name)
    if (!tag) {
      find({ kind: 'orphaned', repository, path: `${tagsFolder(repository)}/${name}`, sentence: 'no tag has such a name' })
      continue
    }
    await goOn({ repository, path: tagFolder(repository, tag) }, find, () => checkTag(registry, repository, tag, find))
  }
}

async function checkTag(registry: Registry, repository: RepositoryName, tag: Tag, find: Find): Promise<void> {
  for (const algorithm of ['sha256', 'sha512'] as const) await checkHistory(registry, repository, tagHistoryFolder(repository, tag, algorithm), find)
  const path = tagCurrentLink(repository, tag)
  const link = await inspectLink(registry.volume.driver, path)
  if (link.state === 'damaged') find(damagedLink(repository, path))
  if (link.state === 'missing') find({ kind: 'damaged', repository, path: tagFolder(repository, tag), sentence: `the tag ${tag} has no link: push it again` })
  if (link.state === 'there' && (await registry.blobs.findSize(link.digest)) === undefined)
    find({ kind: 'missing', repository, path, sentence: `the tag ${tag} points to ${link.digest}, which is not there: push it again, or delete it` })
}

async function checkHistory(registry: Registry, repository: RepositoryName, folder: string, find: Find): Promise<void> {
  const { driver } = registry.volume
  for (const { name } of await driver.list(folder)) {
    const path = `${folder}/${name}/link`
    if ((await inspectLink(driver, path)).state === 'damaged') find(damagedLink(repository, path))
  }
}

/** What a crash of another program left behind; we never touch what is not ours. */
async function checkStray(registry: Registry, repository: RepositoryName, folder: string, find: Find): Promise<void> {
  for (const { name, kind } of await registry.volume.driver.list(folder)) {
    const path = `${folder}/${name}`
    if (kind === 'file' && name !== 'link')
      find({ kind: 'orphaned', repository, path, sentence: 'a file that no registry reads, left by a crash: it can be removed' })
    if (kind === 'folder') await checkStray(registry, repository, path, find)
  }
}

async function checkBlob(registry: Registry, digest: Digest, withBytes: boolean, find: Find): Promise<void> {
  const path = blobData(digest)
  const size = await registry.blobs.findSize(digest)
  if (size === undefined) return find({ kind: 'orphaned', path: parentOf(path), sentence: 'a folder without bytes' })
  if (registry.rows.read((index) => selectHolders(index, digest)).length === 0)
    find({ kind: 'orphaned', path, sentence: `${size} bytes that nothing names: "lacre gc" removes them` })
  if (!withBytes && !registry.damage.has(digest)) return
  if ((await hashBlob(registry, digest)) === digest) return registry.blobs.trust(digest)
  const isDamaged = await registry.locks.digest.run(digest, () => confirmDamage(registry, digest)) // a push may have put it right meanwhile
  if (isDamaged) find({ kind: 'damaged', path, sentence: `the bytes are not ${digestHex(digest).slice(0, 12)}…: push it again; it answers 404 until then` })
}

/** Under the digest's lock. */
async function confirmDamage(registry: Registry, digest: Digest): Promise<boolean> {
  if ((await registry.blobs.findSize(digest)) === undefined) return false
  const computed = await hashBlob(registry, digest)
  if (computed === digest) return false
  registry.blobs.distrust(digest)
  registry.manifests.delete(digest)
  registry.damage.add(digest, `the bytes have the digest ${computed}`)
  return true
}

/** What was damaged may have been put right by hand. */
async function forgiveMended(registry: Registry): Promise<void> {
  for (const digest of registry.damage.list()) {
    await registry.locks.digest.run(digest, async () => {
      const isThere = (await registry.blobs.findSize(digest)) !== undefined
      if (isThere && (await hashBlob(registry, digest)) === digest) registry.damage.clear(digest)
    })
  }
}

async function hashBlob(registry: Registry, digest: Digest): Promise<Digest> {
  const hash = new DigestHash(digestAlgorithm(digest))
  for await (const bytes of await registry.blobs.open(digest)) hash.update(bytes as Buffer)
  return hash.digest()
}

const damagedLink = (repository: RepositoryName, path: string): Finding => ({
  kind: 'damaged',
  repository,
  path,
  sentence: 'the link is empty or no digest: push what it stood for again',
})
