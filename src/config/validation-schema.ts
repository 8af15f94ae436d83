import { z } from 'zod'
import { findPattern } from './pattern.ts'
import { choice, flag, text, texts } from './values.ts'

const PATTERNS = { type: 'a list of regular expressions', accept: (value: string) => findPattern(value) && value } as const

const platform = z.object({
  architecture: text('Architecture as an index names it, for example amd64.', { accept: (value) => value || undefined }),
  os: text('Operating system as an index names it, for example linux.', { accept: (value) => value || undefined }),
})

/** `validation`: what a pushed manifest may name. */
export const validationSchema = z.object({
  enabled: flag('Older word for the opposite of disabled; true goes before it.').default(false),
  disabled: flag('Whether the rules below are off: layers may name any URLs, and indexes need not be whole.').default(false),
  manifests: z
    .object({
      urls: z
        .object({
          allow: texts(
            'Patterns of which the URLs of a layer must match one. With neither allow nor deny any will do, where Distribution refuses all.',
            PATTERNS,
          ).default([]),
          deny: texts('Patterns of which the URLs of a layer must match none.', PATTERNS).default([]),
        })
        .prefault({}),
      indexes: z
        .object({
          platforms: choice('Which manifests that an index names must be here.', ['all', 'none', 'list']).default('all'),
          platformlist: z.array(platform).default([]),
        })
        .prefault({}),
    })
    .prefault({}),
})

/** `policy`. */
export const policySchema = z.object({
  repository: z.object({ classes: texts('Kinds of manifests that may be pushed, image or plugin; empty for any.').default([]) }).prefault({}),
})
