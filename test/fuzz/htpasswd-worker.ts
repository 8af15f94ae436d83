import assert from 'node:assert/strict'
import { AccessError } from '../../src/access/access-error.ts'
import { AccountList, findUnusableEntries } from '../../src/access/account-list.ts'
import { Guesses } from '../../src/access/guesses.ts'
import { formatHtpasswd, listEntries, parseHtpasswd, removeEntries, setEntry } from '../../src/access/htpasswd-file.ts'
import { PasswordWorkers } from '../../src/access/password-workers.ts'
import { type Dice, mutate, nasty } from './dice.ts'
import { serveCases } from './parsing-worker.ts'

const HASH = '$2y$04$bAZZn3GNTEQJOvTg9LlrdemlaQJE4PhQ9js2vRgbIQYN77Z8PbdTm' // of "secret"
const LINES = [
  `alice:${HASH}`,
  '# a comment',
  '',
  'bob:$apr1$abc$def',
  'carol:{SHA}x',
  `dave:${HASH}\r`,
  `é:${HASH}`,
  'erin:$2y$05$eFMTUnIFSAZM1DbQ4Yog/e5q3lDXQwPw7rDrQUR1vKgUkUKLSHnJ.',
  'frank:$2y$04$short',
  ':',
  'noboby',
  `alice:${HASH}extra`,
]
const EXPENSIVE = /\$2.?\$(?!0[0-6])/
const passwords = new PasswordWorkers({ size: 1 })

/** A file is refused as a whole without telling its text, or kept byte for byte; nobody gets in but with a line and a password of their own. */
serveCases(async (dice) => {
  const bytes = makeFile(dice)
  const about = JSON.stringify(bytes.toString('latin1').slice(0, 2000))
  try {
    const file = parseHtpasswd(bytes)
    assert.ok(formatHtpasswd(file).equals(bytes), `other bytes: ${about}`)
    assert.ok(
      findUnusableEntries(file).every((problem) => !problem.includes('$2y$')),
      `a hash is told: ${about}`,
    )
    const changed = setEntry(removeEntries(file, 'mallory'), { name: 'mallory', hash: HASH })
    assert.deepEqual(listEntries(parseHtpasswd(formatHtpasswd(changed))), listEntries(changed), `an edit changes other lines: ${about}`)
    if (EXPENSIVE.test(bytes.toString('latin1'))) return // such a password takes minutes, as its operator wanted
    const accounts = new AccountList(changed, { verifier: passwords, guesses: new Guesses({ attempts: Number.POSITIVE_INFINITY, lockMs: 0 }), clock: Date.now })
    assert.ok(await accounts.authenticate({ username: 'mallory', password: 'secret' }), `nobody gets in any more: ${about}`)
    for (const username of ['mallory', nasty(dice), 'nobody'])
      assert.equal(await accounts.authenticate({ username, password: 'wrong' }), undefined, `${username} gets in: ${about}`)
  } catch (error) {
    if (!(error instanceof AccessError)) throw error
    assert.ok(error.code === 'FILE_INVALID' && !error.message.includes('$2y$'), `${error.message}: ${about}`)
  }
})

function makeFile(dice: Dice): Buffer {
  const text = Array.from({ length: dice.below(8) }, () => dice.pick(LINES) + (dice.once(6) ? nasty(dice) : '')).join(dice.once(8) ? '\r\n' : '\n')
  const bytes = Buffer.from(dice.once(2) ? `${text}\n` : text)
  return dice.once(2) ? mutate(dice, bytes) : bytes
}
