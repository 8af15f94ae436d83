import { z } from 'zod'
import { acmeSchema } from './acme-schema.ts'
import { guessingSchema, trustedProxies } from './guessing-schema.ts'
import { healthSchema } from './health-schema.ts'
import { httpSchema } from './http-schema.ts'
import { notificationsSchema } from './notifications-schema.ts'
import { policySchema, validationSchema } from './validation-schema.ts'
import { choice, count, duration, flag, text } from './values.ts'

const HOUR_MS = 3_600_000

const logSchema = z.object({
  level: choice('Least serious level that is written.', ['error', 'warn', 'info', 'debug']).default('info'),
  formatter: choice('Form of the log on stderr.', ['text', 'json', 'logstash']).default('text'),
  fields: z.record(z.string(), text('Field added to every line of the log.')).prefault({}),
  accesslog: z.object({ disabled: flag('Whether the access log on stdout is off.').default(false) }).prefault({}),
})

const uploadPurgingSchema = z.object({
  enabled: flag('Whether uploads that were never finished are removed.').default(true),
  age: duration('How old an unfinished upload must be.', { positive: true }).default(168 * HOUR_MS),
  interval: duration('How often they are looked for.', { positive: true }).default(24 * HOUR_MS),
  dryrun: flag('Whether they are only named in the log.').default(false),
})

const storageSchema = z.object({
  filesystem: z
    .object({
      rootdirectory: text('Folder that holds the volume.', { type: 'a path', accept: (value) => value || undefined }).default('/var/lib/registry'),
    })
    .prefault({}),
  delete: z.object({ enabled: flag('Whether manifests, tags and blobs can be deleted.').default(false) }).prefault({}),
  maintenance: z
    .object({
      uploadpurging: uploadPurgingSchema.prefault({}),
      readonly: z.object({ enabled: flag('Whether every change is refused.').default(false) }).prefault({}),
    })
    .prefault({}),
})

const authSchema = z.object({
  htpasswd: z
    .object({
      realm: text('Name of the protected area, as clients show it.', {
        type: 'a text of one line',
        accept: (value) => (/\p{Cc}/u.test(value) ? undefined : value),
      }),
      path: text('File of users, with bcrypt passwords.'),
    })
    .optional(),
  none: z.object({}).optional().describe('Everybody may do everything, as without auth.'),
})

const pkiSchema = z.object({
  online: flag(
    'Whether the server may use the key of its own CA, to renew its certificate and the revocation list; else it says 30 days ahead that it cannot.',
  ).default(true),
  passphrasefile: text(
    'File whose first line is the passphrase of that key, if it is encrypted; else LACRE_PKI_PASSPHRASE or the systemd credential lacre-pki-passphrase tells it.',
  ).optional(),
})

const lacreSchema = z.object({
  acme: acmeSchema.prefault({}),
  pki: pkiSchema.prefault({}),
  maxconnections: count('Most connections at a time; when there are more, those idle for longest are ended.', 10_000),
  trustedproxies: trustedProxies,
  guessing: guessingSchema.prefault({}),
  gc: z
    .object({
      grace: duration('How long content that nothing refers to is kept.').default(24 * HOUR_MS),
      interval: duration('How often a running server collects what nothing refers to; 0 never by itself.').default(0),
    })
    .prefault({}),
})

/**
 * Distribution's config.yml, key by key, with what lacre adds under `lacre`. Keys of Distribution that are not here are in
 * `unsupported.ts`.
 */
export const configSchema = z.object({
  version: text('Version of the format.', { type: '0.1', json: { enum: [0.1, '0.1'] }, accept: (value) => (value === '0.1' ? value : undefined) }),
  log: logSchema.prefault({}),
  storage: storageSchema.prefault({}),
  auth: authSchema.prefault({}),
  http: httpSchema.prefault({ addr: undefined }),
  health: healthSchema.prefault({}),
  catalog: z.object({ maxentries: count('Most repositories in one page of the catalog.', 1000) }).prefault({}),
  tags: z.object({ maxtags: count('Most tags in one page of a list.', 1000) }).prefault({}),
  validation: validationSchema.prefault({}),
  policy: policySchema.prefault({}),
  notifications: notificationsSchema.prefault({}),
  lacre: lacreSchema.prefault({}),
})

/** The effective configuration: Distribution's keys, defaults filled in, durations in milliseconds. */
export type Config = z.output<typeof configSchema>
