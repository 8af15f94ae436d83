import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createLogger, type LogSettings } from './log.ts'

const settings: LogSettings = { level: 'info', formatter: 'text', fields: { service: 'registry' }, accesslog: { disabled: false } }

function capture(overrides: Partial<LogSettings> = {}) {
  const lines: string[] = []
  const log = createLogger({ ...settings, ...overrides }, { write: (line) => void lines.push(line) })
  return { log, lines }
}

test('the text form is time, level and message, then fields in lexical order', () => {
  const { log, lines } = capture()
  log.child({ http: { request: { id: 'r-1' } } }).warn({ b: 2, a: 'x y' }, 'two words')
  assert.match(lines[0] ?? '', /^time="[\d-]+T[\d:.]+Z" level=warning msg="two words" a="x y" b=2 http\.request\.id=r-1 service=registry\n$/)
})

test('a line stays one line whatever a client sends', () => {
  for (const formatter of ['text', 'json', 'logstash'] as const) {
    const { log, lines } = capture({ formatter })
    log.info({ agent: 'x\nlevel=error msg=forged\r\u2028\u001b[2J', 'k\ney': 1 }, 'a\nb')
    assert.equal((lines[0] ?? '').trimEnd().split(/[\r\n]/).length, 1)
    assert.ok(!lines[0]?.includes('\u001b'))
  }
})

test('the text form escapes what turns text around or begins a line', () => {
  const { log, lines } = capture()
  log.info('a\u202eb\u2028c')
  assert.match(lines[0] ?? '', /msg="a\\u202eb\\u2028c"/)
})

test('credentials are hidden in the usual places', () => {
  for (const formatter of ['text', 'json'] as const) {
    const { log, lines } = capture({ formatter })
    log.info({
      authorization: 'hush',
      headers: { authorization: 'hush', cookie: 'hush' },
      req: { headers: { authorization: 'hush', 'set-cookie': ['hush'] } },
      password: 'hush',
    })
    assert.doesNotMatch(lines[0] ?? '', /hush/)
    assert.match(lines[0] ?? '', /\(hidden\)/)
  }
})

test('an error is written with its message, code and stack on the same line', () => {
  const { log, lines } = capture()
  log.error(Object.assign(new Error('no space'), { code: 'ENOSPC' }), 'cannot write')
  assert.match(lines[0] ?? '', /level=error msg="cannot write" err\.code=ENOSPC err\.message="no space" err\.stack="Error: no space\\n/)
})

test('the JSON form has the names that logrus gives', () => {
  const { log, lines } = capture({ formatter: 'json' })
  log.info('hello')
  const { time, ...rest } = JSON.parse(lines[0] ?? '') as { time: string }
  assert.deepEqual(rest, { level: 'info', service: 'registry', msg: 'hello' })
  assert.ok(!Number.isNaN(Date.parse(time)))
})

test('the logstash form has its own names', () => {
  const { log, lines } = capture({ formatter: 'logstash' })
  log.info('hello')
  const record = JSON.parse(lines[0] ?? '') as Record<string, unknown>
  assert.deepEqual([record['message'], record['@version'], typeof record['@timestamp']], ['hello', '1', 'string'])
})

test('a field of the configuration cannot take the place of the level', () => {
  const { log, lines } = capture({ fields: { level: 'none' } })
  log.info('hello')
  assert.match(lines[0] ?? '', /level=info msg=hello fields\.level=none/)
})

test('lines below the level are not written', () => {
  const { log, lines } = capture({ level: 'warn' })
  log.info('hello')
  assert.equal(lines.length, 0)
})
