import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { runCommand } from './support/command.ts'
import { layOutPath, writeProgram } from './support/launcher-folder.ts'
import { checkout } from './support/planted-project.ts'
import { openTemporaryFolder } from './support/temporary-folder.ts'

/** `scripts/conformance suite` with a Go of our own, and no Distribution. */
async function openMeasure(go?: string) {
  const folder = await openTemporaryFolder()
  const tools = join(folder.path, 'tools')
  await layOutPath(tools)
  if (go) await writeProgram(join(tools, 'go'), go)
  const page = join(folder.path, 'conformance.md')
  const measure = (args: readonly string[] = [], environment = {}) =>
    runCommand('sh', [join(checkout, 'scripts/conformance'), 'suite', '--out', page, ...args], { environment: { PATH: tools, ...environment } })
  return { ...folder, page, measure }
}

describe('scripts/conformance', () => {
  const refusing = `[ "$1" = version ] && exit 0
echo "go: reading https://proxy.test/module/@v/main.info: 403 Forbidden" >&2
echo "	server response: no such thing" >&2
exit 1`

  test('says that Go is missing, leaves the page alone, and ends with 3; in CI with 0', async () => {
    await using measure = await openMeasure()
    const said = 'suite not run: Go is not installed\n'
    assert.deepEqual(await measure.measure(), { code: 3, stdout: said, stderr: '' })
    assert.deepEqual(await measure.measure([], { CI: 'true' }), { code: 0, stdout: said, stderr: '' })
    assert.equal(existsSync(measure.page), false)
  })

  test('says that the suite is not served, and why, without naming the proxy', async () => {
    await using measure = await openMeasure(refusing)
    const { code, stdout } = await measure.measure()
    assert.equal(code, 3)
    assert.match(stdout, /^suite not run: the Go module proxy does not serve .* \(@main: 403 Forbidden; @latest: 403 Forbidden\)\n$/)
    assert.equal(existsSync(measure.page), false)
  })

  test('refuses to measure by what it does not know', async () => {
    await using measure = await openMeasure()
    const { code, stderr } = await measure.measure(['nothing'])
    assert.equal(code, 1)
    assert.match(stderr, /there is no nothing to measure by/)
  })
})

/** Stands for OCI's suite: asks for /v2/ over HTTPS with the password it is given, and counts that as its tests. */
const program = (failures: number) => `#!${process.execPath}
const { get } = require('node:https')
const { readFileSync, mkdirSync, writeFileSync } = require('node:fs')
const { SSL_CERT_FILE, OCI_REGISTRY, OCI_USERNAME, OCI_PASSWORD, OCI_RESULTS_DIR, OCI_VERSION } = process.env
get('https://' + OCI_REGISTRY + '/v2/', { ca: readFileSync(SSL_CERT_FILE), auth: OCI_USERNAME + ':' + OCI_PASSWORD, agent: false }, (response) => {
  response.resume()
  const failed = (response.statusCode === 200 ? 0 : 1) + ${failures}
  console.log('  Disabled......................:          1\\n  Skip..........................:          0')
  console.log('  Pass..........................:          7\\n  FAIL..........................:          ' + failed)
  console.log('  Error.........................:          0\\n  Total.........................:          8')
  mkdirSync(OCI_RESULTS_DIR, { recursive: true })
  const cases = ('<testcase name="Suite/' + OCI_VERSION + '/a &#34;b&#34;" classname="" status="failure"></testcase>').repeat(failed)
  writeFileSync(OCI_RESULTS_DIR + '/junit.xml', '<testsuites>' + cases + '<testcase name="Suite/sparse" classname="" status="skipped"></testcase></testsuites>')
})
`

describe('scripts/conformance --suite', () => {
  const building = `case "$1 $2" in
  'version -m') printf '\\tmod\\texample.test/suite\\tv1.2.3\\t\\n' ;;
  'build -o') cp -p suite.js "$3" ;;
esac`

  async function openBuilding(failures: number) {
    const measure = await openMeasure(building)
    const source = join(measure.path, 'source')
    await mkdir(source)
    await writeFile(join(source, 'suite.js'), program(failures), { mode: 0o755 })
    return { ...measure, run: () => measure.measure(['--suite', source]) }
  }

  test('runs the suite for each version, over HTTPS with a password, and writes its counts', async () => {
    await using measure = await openBuilding(0)
    const { code, stdout, stderr } = await measure.run()
    assert.deepEqual([code, stderr], [0, ''])
    for (const version of ['1.0', '1.1', 'dev']) assert.ok(stdout.includes(`suite v1.2.3, specification ${version}, lacre: 7 pass, 0 fail, 0 skipped\n`))
    const page = await readFile(measure.page, 'utf8')
    assert.match(page, /Suite: v1\.2\.3\.\n\n.*\n.*\n\| 1\.0 \| lacre \| 7 \| 0 \| 0 \| 1 \|\n/)
    assert.match(page, /skipped or disabled: 1<\/summary>\n\n- sparse\n/)
  })

  test('ends with 1 and names what lacre fails', async () => {
    await using measure = await openBuilding(2)
    assert.equal((await measure.run()).code, 1)
    assert.match(await readFile(measure.page, 'utf8'), /lacre, 1\.1, failed: 2<\/summary>\n\n- 1\.1\/a "b" \(2 times\)\n/)
  })
})
