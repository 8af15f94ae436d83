import { readFileSync } from 'node:fs'
import { Command } from 'commander'
import { parseDocument, stringify } from 'yaml'
import type { Allowed } from '../access/change-grants.ts'
import type { PolicyDocument } from '../access/policy-document.ts'
import type { Answer, Tried } from '../access/questions.ts'
import { askAccess, printAnswer } from './access-request.ts'
import { type VolumeOptions, withVolume } from './volume.ts'

const EXAMPLES = `
Examples:
  lacre access allow ci push 'team/**'            group ci may push (and pull)
  lacre access allow anonymous pull 'public/**'   everybody may pull
  lacre access why alice push team/app            which grant decides
  lacre access list

Without any grant, whoever logs in may do everything. From the first one on,
only what a grant allows.
A running registry follows from the next request on.`

const ALLOW_EXAMPLES = `
PRINCIPAL is a group, a user, group:NAME, user:NAME, users (all who log in) or
anonymous (everybody).
ACTIONS are pull, push (which includes pull), delete and admin, with commas.
In PATTERN, * stands for one component or a part of it, ** for one or more.

Examples:
  lacre access allow ci push,delete 'team/**'
  lacre access allow user:alice push team/app --tag 'dev-*'
  lacre access allow release push 'team/**' --create-only
  lacre access allow anonymous pull 'public/**' --from 10.0.0.0/8`

const TEST_EXAMPLES = `
A line of FILE is PRINCIPAL ACTION REPOSITORY[:TAG] allow|deny; what follows a #
does not count.

Examples:
  lacre access test expected.txt
  echo 'alice push team/app allow' | lacre access test -`

const APPLY_EXAMPLES = `
FILE is what "lacre access export" prints:
  groups:
    ci: [jenkins]
  grants:
    - {principal: ci, actions: push, repositories: team/**, tags: dev-*}
    - {principal: anonymous, actions: [pull], repositories: public/**}

Examples:
  lacre access apply policy.yml --dry-run
  lacre access apply policy.yml`

/** `lacre access allow|revoke|list|why|test|export|apply`: who may do what. */
export function accessCommand(data: string): Command {
  const access = new Command('access').description('who may pull, push and delete what').addHelpText('after', EXAMPLES)
  const add = (usage: string, description: string, help: string): Command =>
    withVolume(access.command(usage).description(description), data).addHelpText('after', help)

  add('allow <principal> <actions> <pattern>', 'grant actions on repositories', ALLOW_EXAMPLES)
    .option('--tag <pattern>', 'push and delete only tags like this')
    .option('--from <network>', 'only for connections from this network, such as 10.0.0.0/8')
    .option('--until <date>', 'only until the end of this day (UTC), or until a time such as 2030-01-31T12:00:00Z')
    .option('--create-only', 'push new tags, but never move one')
    .action(allow)
  add('revoke <id>', 'take a grant back', '\nExample:\n  lacre access revoke 3').option('--open', 'though it is the last').action(revoke)
  add('list', 'list the grants', '\nExample:\n  lacre access list --json').action(list)
  addQuestions(add)
  add('export', 'print the policy, for apply', '\nExample:\n  lacre access export > policy.yml').action(exportPolicy)
  add('apply <file>', 'make it what a file says', APPLY_EXAMPLES)
    .option('--dry-run', 'only tell what would change')
    .option('--open', 'though the file has no grants')
    .action(apply)
  return access
}

function addQuestions(add: (usage: string, description: string, help: string) => Command): void {
  add(
    'why <principal> <action> <target>',
    'which grant decides it',
    '\nTARGET is REPOSITORY or REPOSITORY:TAG.\n\nExample:\n  lacre access why alice push team/app:1.2',
  )
    .option('--from <address>', 'for a connection from this address')
    .option('--overwrites', 'for a tag that is there already')
    .action(why)
  add('test <file>', 'try a table of decisions', TEST_EXAMPLES).action(test)
}

interface AllowOptions extends VolumeOptions {
  readonly tag?: string
  readonly from?: string
  readonly until?: string
  readonly createOnly?: boolean
}

async function allow(principal: string, actions: string, repositories: string, options: AllowOptions): Promise<void> {
  const { tag: tags, from, until, createOnly } = options
  const terms = { principal, actions, repositories, tags, from, until, 'create-only': createOnly }
  const answer = (await askAccess(options, 'access-allow', { terms })) as Allowed
  printAnswer(options, answer, [`grant ${answer.id}: ${answer.text}`])
}

async function revoke(id: string, options: VolumeOptions & { readonly open?: boolean }): Promise<void> {
  const answer = (await askAccess(options, 'access-revoke', { id, open: options.open })) as { id: number; text: string; open: boolean }
  const open = answer.open ? ['no grant is left: whoever is let in may do everything'] : []
  printAnswer(options, answer, [`grant ${answer.id} taken back: ${answer.text}`, ...open])
}

async function list(options: VolumeOptions): Promise<void> {
  const grants = (await askAccess(options, 'access-list', {})) as { id: number; text: string }[]
  const width = Math.max(2, ...grants.map(({ id }) => String(id).length))
  const lines = grants.map(({ id, text }) => `${String(id).padStart(width)}  ${text}`)
  printAnswer(options, grants, lines.length > 0 ? lines : ['no grants: whoever is let in may do everything'])
}

async function why(principal: string, action: string, target: string, options: VolumeOptions & { from?: string; overwrites?: boolean }): Promise<void> {
  const { from, overwrites } = options
  const answer = (await askAccess(options, 'access-why', { principal, action, target, from, overwrites })) as Answer
  printAnswer(options, answer, [answer.because])
}

async function test(file: string, options: VolumeOptions): Promise<void> {
  const tried = (await askAccess(options, 'access-test', { table: readInput(file) })) as Tried[]
  const wrong = tried.filter(({ isRight }) => !isRight)
  const lines = wrong.map(({ line, expected, because }) => `line ${line}: ${expected}\n  but ${because}`)
  printAnswer(options, tried, [...lines, `${tried.length - wrong.length} of ${tried.length} as expected`])
  if (wrong.length > 0) process.exitCode = 1
}

async function exportPolicy(options: VolumeOptions): Promise<void> {
  const policy = (await askAccess(options, 'access-export', {})) as PolicyDocument
  printAnswer(options, policy, [stringify(policy).trimEnd()])
}

async function apply(file: string, options: VolumeOptions & { readonly dryRun?: boolean; readonly open?: boolean }): Promise<void> {
  const { dryRun, open } = options
  const answer = (await askAccess(options, 'access-apply', { policy: readPolicy(file), dryRun, open })) as { changes: string[] }
  const nothing = 'the policy is so already: nothing to change'
  const lines = answer.changes.length > 0 ? [...(dryRun ? ['Nothing is done yet. This would be:'] : []), ...answer.changes] : [nothing]
  printAnswer(options, answer, lines)
}

function readInput(file: string): string {
  return readFileSync(file === '-' ? 0 : file, 'utf8')
}

/** @throws an error with every mistake of the YAML. */
function readPolicy(file: string): unknown {
  const document = parseDocument(readInput(file), { uniqueKeys: true })
  if (document.errors.length === 0) return document.toJS({ maxAliasCount: 100 })
  const mistakes = document.errors.map(({ message }) => message.split('\n')[0]).join('\n  ')
  throw Object.assign(new Error(`${file} is no YAML:\n  ${mistakes}`), { hint: 'nothing was changed' })
}
