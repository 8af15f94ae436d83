import assert from 'node:assert/strict'
import { test } from 'node:test'
import { countRequest, createMetrics } from './metrics.ts'

const request = { handler: 'manifest', method: 'GET', status: 404, durationMs: 1500, bytesReceived: 0, bytesSent: 91 }

test('a request is counted by handler, method and code, with its time and bytes', async () => {
  const metrics = createMetrics()
  countRequest(metrics, request)
  const text = await metrics.registry.metrics()
  assert.match(text, /^registry_http_requests_total\{handler="manifest",method="GET",code="404"\} 1$/m)
  assert.match(text, /^registry_http_request_duration_seconds_sum\{handler="manifest",method="GET"\} 1\.5$/m)
  assert.match(text, /^registry_http_body_bytes_total\{direction="sent"\} 91$/m)
})

test('methods that clients make up share one label', async () => {
  const metrics = createMetrics()
  for (const method of ['BREW', 'PROPFIND']) countRequest(metrics, { ...request, method })
  assert.match(await metrics.registry.metrics(), /^registry_http_requests_total\{handler="manifest",method="other",code="404"\} 2$/m)
})

test('each server counts for itself', async () => {
  const [one, two] = [createMetrics(), createMetrics()]
  one.uploads.inc({ outcome: 'finished' })
  assert.doesNotMatch(await two.registry.metrics(), /^registry_uploads_total\{/m)
})
