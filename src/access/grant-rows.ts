import type { AccessDatabase } from '../metadata/access-file.ts'
import { describeTerms, type Grant, type Terms } from './grant.ts'
import { parseTerms } from './parse-terms.ts'

/** In the order of their numbers. @throws when one cannot be read: leaving it out would change what is allowed. */
export function selectGrants(database: AccessDatabase): Grant[] {
  const rows = database.all(database.build.selectFrom('access_grant').select(['id', 'terms']).orderBy('id'))
  return rows.map(({ id, terms: text }) => {
    const { terms, mistakes } = parseTerms(JSON.parse(text), (name) => ({ kind: 'group', name: name.replace(/^group:/, '') }))
    if (!terms) throw new Error(`grant ${id} cannot be read: ${mistakes.join('; ')}`)
    return { id, ...terms }
  })
}

/** Inside a transaction. */
export function insertGrant(database: AccessDatabase, terms: Terms): void {
  database.run(database.build.insertInto('access_grant').values({ id: null as never, terms: JSON.stringify(describeTerms(terms)) }))
}

/** Inside a transaction. */
export function deleteGrant(database: AccessDatabase, id: number): void {
  database.run(database.build.deleteFrom('access_grant').where('id', '=', id))
}
