import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { test } from 'node:test'
import { promisify } from 'node:util'

const run = promisify(execFile)

test('docs/configuration.md is what "npm run docs" writes', async () => {
  await assert.doesNotReject(run(process.execPath, ['scripts/document-config.ts', '--check']))
})
