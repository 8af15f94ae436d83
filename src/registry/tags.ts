import type { Digest } from '../oci/digest.ts'
import { OciError } from '../oci/error.ts'
import type { RepositoryName } from '../oci/name.ts'
import type { Tag } from '../oci/reference.ts'
import { CURRENT_LINK_BELOW, historyLinkBelow, manifestsFolder, parentOf, tagCurrentLink, tagFolder, tagHistoryLink } from '../volume/layout.ts'
import type { Volume } from '../volume/volume.ts'
import type { Registry } from './registry.ts'
import { findRepositoryId } from './repositories.ts'
import { readSettled, withRepository } from './settle.ts'
import { deleteTagRows, selectHistory, selectTags } from './tag-rows.ts'

export interface TagPage {
  /** All of them without it. */
  readonly limit?: number
  /** Only what sorts after it, by bytes. */
  readonly after?: string
}

/**
 * A repository's tags in lexical order.
 *
 * @throws OciError `NAME_UNKNOWN` when the repository never had a manifest.
 */
export async function listTags(registry: Registry, repository: RepositoryName, { limit, after = '' }: TagPage): Promise<{ tags: string[]; more: boolean }> {
  if (!(await registry.volume.driver.stat(manifestsFolder(repository)))) throw new OciError('NAME_UNKNOWN', { name: repository })
  const tags = await readSettled(registry, repository, (index) => selectTags(index, repository, after, limit === undefined ? -1 : limit + 1))
  const page = limit === undefined ? tags : tags.slice(0, limit)
  return { tags: page, more: tags.length > page.length }
}

/** The digest a tag points to, from the volume. */
export function findTag(registry: Registry, repository: RepositoryName, tag: Tag): Promise<Digest | undefined> {
  return registry.links.find(tagCurrentLink(repository, tag))
}

/**
 * Removes a tag, durably; the manifest stays.
 *
 * @throws OciError `MANIFEST_UNKNOWN`
 */
export async function deleteTag(registry: Registry, repository: RepositoryName, tag: Tag): Promise<void> {
  if (!(await findTag(registry, repository, tag))) throw new OciError('MANIFEST_UNKNOWN', { name: repository, tag })
  await withRepository(registry, repository, async () => {
    if (!(await findTag(registry, repository, tag))) throw new OciError('MANIFEST_UNKNOWN', { name: repository, tag })
    await removeTag(registry, repository, tag)
  })
}

/** @throws OciError `DENIED` when one of the tags points to another manifest. Under the repository's lock. */
export async function refuseMovedTags(registry: Registry, repository: RepositoryName, digest: Digest, tags: readonly Tag[]): Promise<void> {
  for (const tag of tags) {
    const present = await findTag(registry, repository, tag)
    if (!present || present === digest) continue
    const hint = 'push it under a new tag: this account may make tags here, but not move them'
    throw new OciError('DENIED', { repository, tag, hint }, { message: `the tag ${repository}:${tag} is there already and may not be moved` })
  }
}

/** Points a tag at a manifest, durably: a new tag comes as a ready-made folder, an old one gets its history first. Under the repository's lock. */
export async function putTag(registry: Registry, repository: RepositoryName, tag: Tag, digest: Digest): Promise<void> {
  const history = tagHistoryLink(repository, tag, digest)
  if (!(await registry.volume.driver.stat(tagFolder(repository, tag)))) return placeNewTag(registry, repository, tag, digest)
  if ((await registry.links.find(history)) !== digest) await registry.links.write(history, digest)
  if ((await findTag(registry, repository, tag)) !== digest) await registry.links.write(tagCurrentLink(repository, tag), digest)
}

/** Takes the tag's folder out of the tree in one step, then its rows. Under the repository's lock. */
export async function removeTag(registry: Registry, repository: RepositoryName, tag: Tag): Promise<void> {
  const { links, volume, rows } = registry
  const folder = tagFolder(repository, tag)
  const history = rows.read((index) => selectHistory(index, findRepositoryId(index, repository) ?? -1, tag))
  const paths = [tagCurrentLink(repository, tag), ...history.map((digest) => tagHistoryLink(repository, tag, digest))]
  await links.changing(paths, () => volume.retire('repositories', folder))
  rows.change((index) => deleteTagRows(index, findRepositoryId(index, repository), tag))
}

async function placeNewTag({ volume, links }: Registry, repository: RepositoryName, tag: Tag, digest: Digest): Promise<void> {
  const staged = volume.stagingPath('repositories')
  try {
    await stageTag(volume, staged, digest)
  } catch (error) {
    await volume.removeTree(staged)
    throw error
  }
  const paths = [tagCurrentLink(repository, tag), tagHistoryLink(repository, tag, digest)]
  await links.changing(paths, () => volume.place(staged, tagFolder(repository, tag)))
}

async function stageTag(volume: Volume, staged: string, digest: Digest): Promise<void> {
  const files = [`${staged}/${CURRENT_LINK_BELOW}`, `${staged}/${historyLinkBelow(digest)}`]
  await Promise.all(files.map((file) => volume.driver.makeFolder(parentOf(file))))
  const written = await Promise.allSettled(files.map((file) => volume.writeDurably(file, Buffer.from(digest))))
  for (const outcome of written) if (outcome.status === 'rejected') throw outcome.reason
  const folders = new Set(files.flatMap((file) => foldersBetween(staged, file)))
  await Promise.all([...folders].map((folder) => volume.driver.syncFolder(folder)))
}

/** The folders from a file's own up to `top`, both included. */
function foldersBetween(top: string, file: string): string[] {
  const folders: string[] = []
  for (let at = parentOf(file); at.length >= top.length; at = parentOf(at)) folders.push(at)
  return folders
}
