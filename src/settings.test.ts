import assert from 'node:assert/strict'
import { test } from 'node:test'
import { loadConfig } from './config/load.ts'
import { pushRules } from './settings.ts'

async function rulesOf(environment: Readonly<Record<string, string>>) {
  return pushRules((await loadConfig({ defaults: 'registry2', environment })).config)
}

test('without a word about validation layers may name any URLs, and indexes must be whole', async () => {
  assert.deepEqual(await rulesOf({}), { urls: undefined, indexPlatforms: 'all', classes: [] })
})

test('validation that is disabled asks for nothing, unless the older word enables it', async () => {
  const disabled = await rulesOf({ REGISTRY_VALIDATION_DISABLED: 'true' })
  assert.deepEqual([disabled.urls, disabled.indexPlatforms], [undefined, 'none'])
  const both = await rulesOf({ REGISTRY_VALIDATION_DISABLED: 'true', REGISTRY_VALIDATION_ENABLED: 'true' })
  assert.deepEqual([both.urls, both.indexPlatforms], [undefined, 'all'])
})

test('patterns, platforms and classes come from the configuration', async () => {
  const rules = await rulesOf({
    REGISTRY_VALIDATION_MANIFESTS_URLS_ALLOW: '[^https://a/]',
    REGISTRY_VALIDATION_MANIFESTS_URLS_DENY: '[b, c]',
    REGISTRY_VALIDATION_MANIFESTS_INDEXES_PLATFORMS: 'list',
    REGISTRY_VALIDATION_MANIFESTS_INDEXES_PLATFORMLIST: '[{os: linux, architecture: amd64}]',
    REGISTRY_POLICY_REPOSITORY_CLASSES: '[image]',
  })
  assert.deepEqual(rules.urls, { allow: [/^https:\/\/a\//], deny: [/b/, /c/] })
  assert.deepEqual([rules.indexPlatforms, rules.classes], [[{ os: 'linux', architecture: 'amd64' }], ['image']])
})

test('a list of platforms without any means all, as in Distribution', async () => {
  assert.equal((await rulesOf({ REGISTRY_VALIDATION_MANIFESTS_INDEXES_PLATFORMS: 'list' })).indexPlatforms, 'all')
})
