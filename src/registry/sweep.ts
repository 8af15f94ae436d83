import type { RepositoryName } from '../oci/name.ts'
import { uploadData, uploadFolder, uploadStartedAt, uploadsFolder } from '../volume/layout.ts'
import { type Registry, refuseUnlessWritable } from './registry.ts'
import { walkRepositories } from './repositories.ts'

export interface SweepOptions {
  /** How long nothing may have arrived for an upload, in milliseconds. */
  readonly ageMs: number
  /** Only tells what would go. */
  readonly dryRun?: boolean
  readonly onSwept?: (upload: SweptUpload) => void
}

export interface SweptUpload {
  readonly repository: RepositoryName
  readonly id: string
  /** Since the last bytes of it arrived. */
  readonly ageMs: number
}

/** Removes uploads that were never finished, ours and Distribution's; never one that somebody is writing to. Returns how many. */
export async function sweepUploads(registry: Registry, options: SweepOptions): Promise<number> {
  let swept = 0
  for await (const batch of walkRepositories(registry.volume.driver, () => undefined)) {
    for (const { name, parts } of batch) if (parts.includes('_uploads')) swept += await sweepRepository(registry, name, options)
  }
  return swept
}

async function sweepRepository(registry: Registry, repository: RepositoryName, options: SweepOptions): Promise<number> {
  let swept = 0
  for (const { name: id } of await registry.volume.driver.list(uploadsFolder(repository))) {
    if (registry.uploads.isClaimed(id)) continue
    const isSwept = await registry.uploads.hold(id, () => sweepUpload(registry, repository, id, options))
    if (isSwept) swept++
  }
  return swept
}

/** While nobody can begin to write. */
async function sweepUpload(registry: Registry, repository: RepositoryName, id: string, { ageMs, dryRun, onSwept }: SweepOptions): Promise<boolean> {
  const age = await ageOf(registry, repository, id)
  if (age === undefined || age < ageMs) return false
  if (!dryRun) refuseUnlessWritable(registry)
  if (!dryRun) await registry.uploads.remove(repository, id)
  onSwept?.({ repository, id, ageMs: age })
  return true
}

/** Milliseconds since the upload last grew; `undefined` when it has ended meanwhile. */
async function ageOf(registry: Registry, repository: RepositoryName, id: string): Promise<number | undefined> {
  const paths = [uploadData(repository, id), uploadStartedAt(repository, id), uploadFolder(repository, id)]
  const stats = await Promise.all(paths.map((path) => registry.volume.driver.stat(path)))
  const times = stats.filter((stat) => stat !== undefined).map(({ mtimeMs }) => mtimeMs)
  return times.length === 0 ? undefined : Math.max(0, registry.clock.now() - Math.max(...times))
}
