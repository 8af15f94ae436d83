import { z } from 'zod'
import { headerName, headerValues } from './http-schema.ts'
import { count, duration, flag, text, texts } from './values.ts'

const SECOND_MS = 1000

const endpointSchema = z.object({
  name: text('Name of the endpoint; events wait under it, and metrics show it.', { type: 'a text', accept: (value) => value || undefined }),
  url: text('Where events are sent.', { type: 'an http or https URL such as https://ci.example.com/events', secret: 'within', accept: findUrl }),
  headers: z.record(headerName(), headerValues('Header sent along, as a list of values; never shown.', { secret: true })).prefault({}),
  timeout: duration('How long one request may take.', { ofZero: SECOND_MS }).default(SECOND_MS),
  threshold: count('How many tries in a row may fail before each further one waits.', 10),
  backoff: duration('How long the first of these waits is; each next one is twice as long, up to a minute.', { ofZero: SECOND_MS }).default(SECOND_MS),
  disabled: flag('Whether nothing is queued for it and nothing is sent.').default(false),
  ignoredmediatypes: texts('Media types of targets of which it gets no events.').default([]),
  ignore: z
    .object({
      mediatypes: texts('The same as ignoredmediatypes.').default([]),
      actions: texts('Actions of which it gets no events.', { type: 'a list of pull, push, mount and delete' }).default([]),
    })
    .prefault({}),
})

/** `notifications`: who is told what happens. */
export const notificationsSchema = z.object({
  events: z.object({ includereferences: flag('Whether events of manifests list what these name.').default(false) }).prefault({}),
  endpoints: z.array(endpointSchema).prefault([]),
})

function findUrl(value: string): string | undefined {
  const url = URL.parse(value)
  return url && /^https?:$/.test(url.protocol) && url.hostname ? value : undefined
}
