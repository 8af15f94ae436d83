import { after, before, describe, test } from 'node:test'
import { type RunningRegistry, startRegistry } from '../support/registry.ts'
import { walk } from './walk.ts'

let registry: RunningRegistry

before(async () => {
  registry = await startRegistry()
})

after(() => registry[Symbol.asyncDispose]())

for (const { version, section, title, claims, begin } of walk) {
  describe(`${section} (${version}): ${title}`, () => {
    let prove: ReturnType<typeof begin>
    before(() => {
      prove = begin(registry)
    })
    for (const claim of claims) test(claim, () => prove(claim))
  })
}
