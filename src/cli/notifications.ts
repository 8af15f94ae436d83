import { Command } from 'commander'
import { type NotificationOperation, runNotificationOperation } from '../notifications/operations.ts'
import type { EndpointStatus } from '../notifications/status.ts'
import { mailroomOf } from '../webhooks.ts'
import { askOrWork } from './admin-client.ts'
import { locate, type VolumeOptions, withVolume } from './volume.ts'

const EXAMPLES = `
Examples:
  lacre notifications status
  lacre notifications status --config /etc/docker/registry/config.yml --json`

const STATES = `
The state of an endpoint is one of
  idle          nothing waits
  delivering    events are on their way
  failing       it takes no events: they wait, and are tried again and again
  disabled      its configuration says so: events that wait are kept
  unconfigured  no configuration has it: events that wait are kept
  stopped       no server runs: events are delivered once one does`

/** `lacre notifications`: webhooks, of the server that runs or as they lie on disk. */
export function notificationsCommand(data: string): Command {
  const status = withVolume(new Command('status').description('how many events wait for each webhook endpoint, and why'), data)
    .addHelpText('after', `${STATES}\n${EXAMPLES}`)
    .action(showStatus)
  const discard = withVolume(new Command('discard').description('give up the events that wait for an endpoint').argument('<endpoint>'), data)
    .addHelpText('after', '\nExample:\n  lacre notifications discard old-listener')
    .action(discardEvents)
  return new Command('notifications')
    .description('webhooks: the events that wait')
    .addCommand(status)
    .addCommand(discard)
    .addHelpText('after', '\nExample:\n  lacre notifications status')
}

async function showStatus(options: VolumeOptions): Promise<void> {
  const statuses = (await ask(options, 'notifications-status', {})) as EndpointStatus[]
  const text = options.json ? statuses.map((status) => JSON.stringify(status)) : statuses.map(format)
  process.stdout.write(text.length > 0 ? `${text.join('\n')}\n` : options.json ? '' : 'no webhook endpoints, and no events wait\n')
}

async function discardEvents(endpoint: string, options: VolumeOptions): Promise<void> {
  const { discarded } = (await ask(options, 'notifications-discard', { endpoint })) as { discarded: number }
  process.stdout.write(options.json ? `${JSON.stringify({ endpoint, discarded })}\n` : `${discarded} events for ${endpoint} are given up\n`)
}

async function ask(options: VolumeOptions, name: NotificationOperation, parameters: Readonly<Record<string, unknown>>): Promise<unknown> {
  const { root } = await locate(options)
  const work = () => runNotificationOperation(mailroomOf(root), name, parameters)
  return askOrWork({ root, name, parameters, onLine: () => undefined }, work)
}

/** A line with what matters, and one each for what is more. */
function format({ name, state, url, pending, oldest, counts, failures, lastFailure, nextTry }: EndpointStatus): string {
  const waiting = pending === 0 ? 'nothing waits' : `${pending} events wait${oldest ? `, the oldest since ${oldest}` : ''}`
  const lines = [`${name}  ${state}: ${waiting}${url ? `  (${url})` : ''}`]
  if (counts) lines.push(`since the start: ${counts.events} queued, ${counts.successes} delivered, ${counts.dropped} given up`)
  if (lastFailure && failures) lines.push(`${failures} tries in a row failed, the last at ${lastFailure.at}: ${lastFailure.reason}`)
  if (nextTry) lines.push(`next try at ${nextTry}`)
  return lines.join('\n    ')
}
