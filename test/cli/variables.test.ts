import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { text } from 'node:stream/consumers'
import { test } from 'node:test'
import { Workplace } from './support/lacre.ts'

const ODD = { 'REGISTRY_HTTP_HEADERS_Access-Control-Allow-Origin': "['*']", 'REGISTRY_HTTP_HEADERS_X-A': '[b,\n c]' }

for (const launcher of ['lacre', 'bin/lacre']) {
  test(`${launcher} takes variables whose names a shell does not hand on`, async () => {
    await using place = await Workplace.make()
    const path = join(place.folder, 'config.yml')
    await writeFile(path, 'version: 0.1\nstorage: filesystem\nhttp: {addr: ":1"}\n')
    const child = spawn(resolve(launcher), ['config', 'show', path], { env: { PATH: process.env['PATH'], ...ODD } })
    const [shown, said, [status]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'close')])
    assert.equal(status, 0, said)
    assert.match(shown, /^http\.headers\.access-control-allow-origin +\["\*"\] +REGISTRY_HTTP_HEADERS_Access-Control-Allow-Origin$/m)
    assert.match(shown, /^http\.headers\.x-a +\["b","c"\] +REGISTRY_HTTP_HEADERS_X-A$/m)
  })
}
