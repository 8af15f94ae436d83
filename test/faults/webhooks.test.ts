import assert from 'node:assert/strict'
import { test } from 'node:test'
import { killUnderWebhooks } from '../support/webhook-kills.ts'

test('I8: a server killed under pushes loses no event of an acknowledged change, and each endpoint gets them in order', async (t) => {
  const { acknowledged, repeated } = await killUnderWebhooks(5, 8)
  assert.ok(acknowledged > 10)
  t.diagnostic(`${acknowledged} events of acknowledged changes, ${repeated} sent again`)
})
