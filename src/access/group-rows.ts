import type { AccessDatabase } from '../metadata/access-file.ts'
import type { Groups } from './grant.ts'

/** In the order of their names. */
export function selectGroups(database: AccessDatabase): Groups {
  const groups = database.all(database.build.selectFrom('access_group').select('name').orderBy('name'))
  const members = database.all(database.build.selectFrom('access_group_member').select(['group_name', 'account']).orderBy('account'))
  const byGroup = Map.groupBy(members, ({ group_name }) => group_name)
  return new Map(groups.map(({ name }) => [name, (byGroup.get(name) ?? []).map(({ account }) => account)]))
}

/** Inside a transaction. */
export function insertGroup(database: AccessDatabase, name: string): void {
  database.run(database.build.insertInto('access_group').values({ name }))
}

/** Inside a transaction. Its members with it. */
export function deleteGroup(database: AccessDatabase, name: string): void {
  database.run(database.build.deleteFrom('access_group').where('name', '=', name))
}

/** Inside a transaction. */
export function insertMember(database: AccessDatabase, group_name: string, account: string): void {
  database.run(
    database.build
      .insertInto('access_group_member')
      .values({ group_name, account })
      .onConflict((on) => on.doNothing()),
  )
}

/** Inside a transaction. */
export function deleteMember(database: AccessDatabase, group: string, account: string): void {
  database.run(database.build.deleteFrom('access_group_member').where('group_name', '=', group).where('account', '=', account))
}
