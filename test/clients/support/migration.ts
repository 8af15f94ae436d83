import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { before, describe, test } from 'node:test'
import type { ImageHost } from './image-host.ts'
import { digestOf, ociManifestType } from './registry-client.ts'
import { ROOT } from './registry-server.ts'

const PAGE = 'docs/migrating-from-registry-2.md'
const VOLUME = '/var/lib/registry/docker/registry/v2'

export interface MigrationParts {
  readonly host: ImageHost
  /** Pushes an image under a name. */
  push(name: string): Promise<unknown>
  /** The digest that a name has. */
  inspect(name: string): Promise<string>
}

/** The page's commands, as they are written and in their order, between two registries that a person would have. */
export function describeMigration(parts: () => MigrationParts): void {
  const text = readFileSync(join(ROOT, PAGE), 'utf8')
  const commands = [...text.matchAll(/^```sh\n(.*?)^```$/gms)].flatMap(([, block = '']) => block.trim().split('\n'))
  const [build = '', show = '', stop = '', remove = '', start = '', catalog = '', check = '', collect = '', ...way] = commands
  const [, , back = '', collectThere = ''] = way

  describe(PAGE, () => {
    let host: ImageHost
    let pushed: string
    let signature: string

    before(() => {
      host = parts().host
    })

    async function ok(command: string): Promise<string> {
      const { status, stdout, stderr } = await host.shell(command)
      assert.equal(status, 0, `${command}\n${stdout}${stderr}`)
      return stdout
    }

    async function replaceBy(line: string): Promise<void> {
      for (const command of [stop, remove, line]) await ok(command)
      await host.answers('http://localhost:5000/')
    }

    const isKept = async () =>
      (await host.shell(`docker exec registry test -e ${VOLUME}/repositories/alpine/_manifests/revisions/sha256/${signature.slice(7)}/link`)).status === 0

    test('it is one page, names the commands in the order of this test, and what it links to is there', () => {
      assert.ok(text.split('\n').length <= 100)
      assert.equal(commands.length, 12)
      assert.deepEqual(way.slice(0, 2), [stop, remove])
      assert.equal(back, start.replace(/ lacre$/, ' registry:2'))
      for (const [, path = ''] of text.matchAll(/\]\((?!https?:)([^)#]+)\)/g)) assert.ok(existsSync(join(ROOT, dirname(PAGE), path)), path)
    })

    test('there: what registry:2 took is served, checked and collected', async () => {
      await ok(back) // the line that started it
      await host.answers('http://localhost:5000/')
      await parts().push('localhost:5000/alpine')
      pushed = await parts().inspect('localhost:5000/alpine')
      await ok(build)
      assert.match(await ok(show), /rootdirectory/)
      await replaceBy(start)
      assert.equal(await ok(catalog), '{"repositories":["alpine"]}\n')
      await ok(check)
      await ok(collect)
      assert.equal(await parts().inspect('localhost:5000/alpine'), pushed)
    })

    test('back: registry:2 serves it, and keeps a signature without a tag as long as it collects without -m', async () => {
      await ok(start)
      await host.answers('http://localhost:5000/')
      signature = await sign('http://localhost:5000/v2/alpine/manifests')
      await replaceBy(back)
      assert.equal(await parts().inspect('localhost:5000/alpine'), pushed)
      await ok(collectThere)
      assert.equal(await isKept(), true)
      await ok(`${collectThere} -m`) // the page's warning
      assert.equal(await isKept(), false)
      await ok(stop)
      await ok(remove)
    })

    /** Attaches a manifest to the image, as signers do; gives its digest. */
    async function sign(manifests: string): Promise<string> {
      const image = JSON.parse(await ok(`curl -sH 'Accept: ${ociManifestType}' ${manifests}/${pushed}`)) as object
      const subject = {
        mediaType: ociManifestType,
        digest: pushed,
        size: Buffer.byteLength(await ok(`curl -sH 'Accept: ${ociManifestType}' ${manifests}/${pushed}`)),
      }
      const bytes = JSON.stringify({ ...image, artifactType: 'application/vnd.example.signature', subject })
      const digest = digestOf(bytes)
      const sent = await host.run('curl', [
        '-s',
        '-o',
        '/dev/null',
        '-w',
        '%{http_code}',
        '-X',
        'PUT',
        '-H',
        `Content-Type: ${ociManifestType}`,
        '-d',
        bytes,
        `${manifests}/${digest}`,
      ])
      assert.equal(sent.stdout, '201')
      return digest
    }
  })
}
