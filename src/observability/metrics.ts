import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client'

const SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800] // a 300 MB layer on a slow line takes minutes

/** What is counted. No label ever holds what a client chose: no repository, tag, digest, account or address. */
export type Metrics = ReturnType<typeof createMetrics>

/** Metrics of one server, in a registry of their own; `registry.metrics()` is the text that is served. */
export function createMetrics() {
  const registry = new Registry()
  const registers = [registry]
  collectDefaultMetrics({ register: registry })
  return {
    registry,
    ...requestMetrics(registers),
    ...contentMetrics(registers),
    ...collectionMetrics(registers),
    ...renewalMetrics(registers),
    /** What became of credentials: outcome `accepted`, `refused`, or `postponed` (not compared: 429). */
    authentications: new Counter({ name: 'registry_auth_total', help: 'Credentials checked, by outcome.', labelNames: ['outcome'], registers }),
    /** Counted `source`, `account`, or `known`: an account at an address it has logged in from. */
    guessesHeld: new Counter({
      name: 'registry_auth_holds_total',
      help: 'Times that somebody has to wait after wrong passwords, by what was counted.',
      labelNames: ['counted'],
      registers,
    }),
    /** Connections whose client certificate was refused; reason such as `revoked`. */
    clientsTurnedAway: new Counter({
      name: 'registry_tls_clients_turned_away_total',
      help: 'Connections whose client certificate was refused at a request, by reason.',
      labelNames: ['reason'],
      registers,
    }),
    /** Seconds since 1970; 0 where there is no TLS. */
    certificateExpiry: new Gauge({ name: 'registry_tls_certificate_expiry_timestamp_seconds', help: 'End of validity of the server certificate.', registers }),
    ...acmeMetrics(registers),
  }
}

function acmeMetrics(registers: Registry[]) {
  return {
    /** Outcome `issued` or `failed`. */
    acmeOrders: new Counter({ name: 'registry_acme_orders_total', help: 'Certificates ordered from an ACME server.', labelNames: ['outcome'], registers }),
    /** Seconds since 1970; 0 once an order has succeeded. */
    acmeFailure: new Gauge({ name: 'registry_acme_last_failure_timestamp_seconds', help: 'Last failed order, while none has succeeded since.', registers }),
  }
}

function requestMetrics(registers: Registry[]) {
  return {
    requests: new Counter({ name: 'registry_http_requests_total', help: 'Requests answered.', labelNames: ['handler', 'method', 'code'], registers }),
    durations: new Histogram({
      name: 'registry_http_request_duration_seconds',
      help: 'Time from the request line to the last byte of the answer.',
      labelNames: ['handler', 'method'],
      buckets: SECONDS,
      registers,
    }),
    inFlight: new Gauge({ name: 'registry_http_in_flight_requests', help: 'Requests not answered yet.', registers }),
    /** Bodies, direction `received` or `sent`. */
    bytes: new Counter({ name: 'registry_http_body_bytes_total', help: 'Bytes of bodies.', labelNames: ['direction'], registers }),
  }
}

function contentMetrics(registers: Registry[]) {
  return {
    uploadsPurged: new Counter({ name: 'registry_uploads_purged_total', help: 'Uploads removed because they were never finished.', registers }),
    /** State `settled` (compared with the volume since the start) or `pending`. */
    repositories: new Gauge({
      name: 'registry_repositories',
      help: 'Repositories, by whether they were compared with the volume.',
      labelNames: ['state'],
      registers,
    }),
  }
}

function collectionMetrics(registers: Registry[]) {
  return {
    collections: new Counter({ name: 'registry_gc_runs_total', help: 'Garbage collections, by outcome.', labelNames: ['outcome'], registers }),
    collectedBlobs: new Counter({ name: 'registry_gc_blobs_deleted_total', help: 'Blobs deleted by garbage collection.', registers }),
    collectedBytes: new Counter({ name: 'registry_gc_bytes_freed_total', help: 'Bytes freed by garbage collection.', registers }),
  }
}

/** Of lacre's own CA; `what` is `certificate` or `crl`. */
function renewalMetrics(registers: Registry[]) {
  return {
    authorityExpiry: new Gauge({ name: 'registry_pki_ca_expiry_timestamp_seconds', help: 'End of validity of the own CA; 0 where there is none.', registers }),
    listExpiry: new Gauge({ name: 'registry_pki_crl_expiry_timestamp_seconds', help: 'When the revocation list of the own CA is over.', registers }),
    renewals: new Counter({ name: 'registry_pki_renewals_total', help: 'Renewals from the own CA, by outcome.', labelNames: ['what', 'outcome'], registers }),
    renewalFailure: new Gauge({
      name: 'registry_pki_last_failure_timestamp_seconds',
      help: 'When a renewal from the own CA failed last; 0 once one has gone well.',
      labelNames: ['what'],
      registers,
    }),
  }
}
