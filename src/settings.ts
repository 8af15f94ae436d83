import type { Logger } from 'pino'
import type { GuessesOptions } from './access/guesses.ts'
import { readPattern } from './config/pattern.ts'
import type { Config } from './config/schema.ts'
import { trustProxies } from './http/client-source.ts'
import type { HttpServer } from './http/server.ts'
import type { HttpSettings } from './http/settings.ts'
import type { Metrics } from './observability/metrics.ts'
import type { HousekeepingOptions } from './registry/housekeeping.ts'
import { noRules, type PushRules } from './registry/push-rules.ts'

/** What the HTTP side takes from a configuration. */
export function httpSettings({ http, storage, catalog, tags, lacre }: Config): Partial<HttpSettings> {
  return {
    addr: http.addr,
    net: http.net,
    host: http.host,
    prefix: `${http.prefix}/`,
    relativeUrls: http.relativeurls,
    headers: http.headers,
    deletionEnabled: storage.delete.enabled,
    readOnly: storage.maintenance.readonly.enabled,
    catalogMaxEntries: catalog.maxentries,
    tagsMaxTags: tags.maxtags,
    maxConnections: lacre.maxconnections,
    trustedProxies: trustProxies(lacre.trustedproxies),
    metricsPath: '/metrics',
    debug: http.debug.addr ? { addr: http.debug.addr, metricsPath: http.debug.prometheus.enabled ? http.debug.prometheus.path : undefined } : undefined,
  }
}

/** What a server does by itself, and how it is told of in the log and the metrics. */
export function housekeeping(config: Config, { log, metrics }: { readonly log: Logger; readonly metrics: Metrics }): HousekeepingOptions {
  const { uploadpurging, readonly } = config.storage.maintenance
  return {
    purge: { ...uploadpurging, enabled: uploadpurging.enabled && !readonly.enabled },
    gc: { ...config.lacre.gc, interval: readonly.enabled ? 0 : config.lacre.gc.interval },
    onSwept: ({ repository, id }) => {
      if (uploadpurging.dryrun) return log.info({ repository, upload: id }, 'an upload that was never finished would be removed')
      metrics.uploadsPurged.inc()
      log.info({ repository, upload: id }, 'an upload that was never finished is removed')
    },
    onCollected: ({ blobs, bytes }) => {
      metrics.collections.inc({ outcome: 'done' })
      metrics.collectedBlobs.inc(blobs)
      metrics.collectedBytes.inc(bytes)
      log.info({ blobs, bytes }, 'garbage collected')
    },
    onFailure: (task, cause) => log.error({ err: cause }, `could not ${task}`),
  }
}

/** How many wrong passwords somebody has, and how it is told that there are no more. */
export function guessing({ lacre }: Config, { log, metrics }: { readonly log: Logger; readonly metrics: Metrics }): GuessesOptions {
  const { enabled, attempts, lock } = lacre.guessing
  return {
    attempts: enabled ? attempts : Number.POSITIVE_INFINITY,
    lockMs: lock,
    onHold({ counted, source, failures, waitMs, isNews }) {
      metrics.guessesHeld.inc({ counted })
      if (isNews) log.warn({ source, counted, failures, waitMs }, 'too many wrong passwords: no more are compared for a while')
    },
  }
}

/**
 * What may be pushed. `validation.enabled` is the older word: set, it goes before `disabled`. Without patterns a layer may name
 * any URLs, as the specification wants it and Distribution does not: whoever fetches from them compares digests.
 *
 * @see Distribution registry/handlers/app.go, NewApp
 */
export function pushRules({ validation, policy }: Config): PushRules {
  const { classes } = policy.repository
  if (validation.disabled && !validation.enabled) return { ...noRules, indexPlatforms: 'none', classes }
  const { urls, indexes } = validation.manifests
  const isList = indexes.platforms === 'list' && indexes.platformlist.length > 0
  return {
    urls: urls.allow.length + urls.deny.length > 0 ? { allow: urls.allow.map(readPattern), deny: urls.deny.map(readPattern) } : undefined,
    indexPlatforms: isList ? indexes.platformlist : indexes.platforms === 'none' ? 'none' : 'all',
    classes,
  }
}

/** How a person on this machine, or a client where `http.host` says so, reaches the server. */
export function urlOf(http: Config['http'], server: HttpServer, isTls: boolean): string {
  if (http.host) return http.host
  const address = (server.addresses[0] ?? '').replace(/^(?:\[::\]|0\.0\.0\.0):/, 'localhost:')
  return `${isTls ? 'https' : 'http'}://${address}`
}
