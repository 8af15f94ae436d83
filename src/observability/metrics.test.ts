import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createMetrics } from './metrics.ts'

test('a request shows with its handler, method and code, its time and its bytes', async () => {
  const metrics = createMetrics()
  metrics.requests.inc({ handler: 'end-3', method: 'GET', code: 404 })
  metrics.durations.observe({ handler: 'end-3', method: 'GET' }, 1.5)
  metrics.bytes.inc({ direction: 'sent' }, 91)
  const text = await metrics.registry.metrics()
  assert.match(text, /^registry_http_requests_total\{handler="end-3",method="GET",code="404"\} 1$/m)
  assert.match(text, /^registry_http_request_duration_seconds_bucket\{le="2\.5",handler="end-3",method="GET"\} 1$/m)
  assert.match(text, /^registry_http_body_bytes_total\{direction="sent"\} 91$/m)
})

test('each server counts for itself', async () => {
  const [one, two] = [createMetrics(), createMetrics()]
  one.uploadsPurged.inc()
  assert.match(await one.registry.metrics(), /^registry_uploads_purged_total 1$/m)
  assert.match(await two.registry.metrics(), /^registry_uploads_purged_total 0$/m)
})
