import { blobChapters } from './blobs.ts'
import type { Chapter } from './chapter.ts'
import { manifestChapters } from './manifests.ts'
import { refusalChapters } from './refusals.ts'

/**
 * A walk through the specification's endpoints, in our own words, with everything that people push and every way to push
 * it. Any registry can be walked through: it must be empty, and let anybody push and delete over plain HTTP.
 */
export const walk: readonly Chapter[] = [...refusalChapters, ...blobChapters, ...manifestChapters]
