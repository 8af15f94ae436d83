import type { IndexDatabase } from '../metadata/connect.ts'
import type { Digest } from '../oci/digest.ts'
import type { RepositoryName } from '../oci/name.ts'
import type { Tag } from '../oci/reference.ts'

/** Inside a transaction. */
export function insertTag(index: IndexDatabase, repository_id: number, name: Tag, digest: Digest): void {
  const query = index.build.insertInto('tag').values({ repository_id, name, digest })
  index.run(query.onConflict((on) => on.columns(['repository_id', 'name']).doUpdateSet({ digest })))
  insertHistory(index, repository_id, name, digest)
}

/** Inside a transaction. */
export function insertHistory(index: IndexDatabase, repository_id: number, tag: Tag, digest: Digest): void {
  index.run(
    index.build
      .insertInto('tag_history')
      .values({ repository_id, tag, digest })
      .onConflict((on) => on.doNothing()),
  )
}

/** Inside a transaction. A tag with its history. */
export function deleteTagRows(index: IndexDatabase, repositoryId: number | undefined, tag: Tag): void {
  if (repositoryId === undefined) return
  deleteTagRow(index, repositoryId, tag)
  index.run(index.build.deleteFrom('tag_history').where('repository_id', '=', repositoryId).where('tag', '=', tag))
}

/** Inside a transaction. */
export function deleteTagRow(index: IndexDatabase, repositoryId: number, tag: Tag): void {
  index.run(index.build.deleteFrom('tag').where('repository_id', '=', repositoryId).where('name', '=', tag))
}

/** Inside a transaction. */
export function deleteHistory(index: IndexDatabase, repositoryId: number, tag: Tag, digest: Digest): void {
  const query = index.build.deleteFrom('tag_history').where('repository_id', '=', repositoryId)
  index.run(query.where('tag', '=', tag).where('digest', '=', digest))
}

/** Tags that point to a manifest, by its repository's rows. */
export function selectTagsOf(index: IndexDatabase, repositoryId: number, digest: Digest): Tag[] {
  const query = index.build.selectFrom('tag').select('name').where('repository_id', '=', repositoryId)
  return index.all(query.where('digest', '=', digest).orderBy('name')).map(({ name }) => name as Tag)
}

export function selectTagRows(index: IndexDatabase, repositoryId: number): { readonly name: Tag; readonly digest: Digest }[] {
  const query = index.build.selectFrom('tag').select(['name', 'digest']).where('repository_id', '=', repositoryId)
  return index.all(query) as { name: Tag; digest: Digest }[]
}

export function selectHistoryRows(index: IndexDatabase, repositoryId: number): { readonly tag: Tag; readonly digest: Digest }[] {
  const query = index.build.selectFrom('tag_history').select(['tag', 'digest']).where('repository_id', '=', repositoryId)
  return index.all(query) as { tag: Tag; digest: Digest }[]
}

export function selectHistory(index: IndexDatabase, repositoryId: number, tag: Tag): Digest[] {
  const query = index.build.selectFrom('tag_history').select('digest').where('repository_id', '=', repositoryId)
  return index.all(query.where('tag', '=', tag)).map(({ digest }) => digest as Digest)
}

/** A page of tags; a limit of -1 is none. */
export function selectTags(index: IndexDatabase, repository: RepositoryName, after: string, limit: number): string[] {
  const query = index.build
    .selectFrom('tag')
    .innerJoin('repository', 'repository.id', 'tag.repository_id')
    .select('tag.name')
    .where('repository.name', '=', repository)
    .where('tag.name', '>', after)
    .orderBy('tag.name')
    .limit(limit)
  return index.all(query).map(({ name }) => name)
}
