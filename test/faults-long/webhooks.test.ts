import assert from 'node:assert/strict'
import { test } from 'node:test'
import { killUnderWebhooks } from '../support/webhook-kills.ts'

test('60 kills under pushes lose no event of an acknowledged change', { timeout: 600_000 }, async (t) => {
  const { acknowledged, repeated } = await killUnderWebhooks(60, 2026)
  assert.ok(acknowledged > 300)
  t.diagnostic(`${acknowledged} events of acknowledged changes, ${repeated} sent again`)
})
