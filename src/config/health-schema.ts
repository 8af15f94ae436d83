import { z } from 'zod'
import { headerName, headerValues } from './http-schema.ts'
import { isListenAddress } from './listen-address.ts'
import { count, duration, flag, text } from './values.ts'

const INTERVAL_MS = 10_000 // Distribution registry/handlers/app.go, defaultCheckInterval

const interval = duration('How often it is looked at.', { ofZero: INTERVAL_MS }).default(INTERVAL_MS)
const threshold = count('How often in a row it must fail before the registry counts as unhealthy; 0 is as 1.', 0)
const timeout = duration('How long it may take; 0 is 30 s, or the interval where that is longer.').default(0)

/** `health`: checks, one failing check answers every request with 503. */
export const healthSchema = z.object({
  storagedriver: z.object({ enabled: flag('Whether the folder of the volume is looked at now and then.').default(false), interval, threshold }).prefault({}),
  file: z
    .array(
      z.object({
        file: text('File that makes the registry unhealthy as long as it exists.', { type: 'a path', accept: (value) => value || undefined }),
        interval,
      }),
    )
    .default([]),
  http: z
    .array(
      z.object({
        uri: text('URL that is asked with HEAD.', { type: 'an http or https URL', secret: 'within', accept: findHttpUrl }),
        statuscode: count('Status that counts as healthy.', 200),
        headers: z.record(headerName(), headerValues('Header of that request, as a list of values; never shown.', { secret: true })).prefault({}),
        timeout,
        interval,
        threshold,
      }),
    )
    .default([]),
  tcp: z
    .array(
      z.object({
        addr: text('Address that must take connections.', { type: 'an address such as redis:6379', accept: findTarget }),
        timeout,
        interval,
        threshold,
      }),
    )
    .default([]),
})

function findHttpUrl(value: string): string | undefined {
  const url = URL.parse(value)
  return url?.protocol === 'http:' || url?.protocol === 'https:' ? value : undefined
}

function findTarget(value: string): string | undefined {
  return isListenAddress(value, 'tcp') ? value : undefined
}
