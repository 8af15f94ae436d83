import { Command } from 'commander'
import type { ChangedGroup, ListedGroup } from '../access/change-groups.ts'
import { askAccess, printAnswer } from './access-request.ts'
import { type VolumeOptions, withVolume } from './volume.ts'

const EXAMPLES = `
Examples:
  lacre group add ci
  lacre group join ci jenkins github
  lacre access allow ci push 'team/**'

A running registry follows from the next request on.`

/** `lacre group add|remove|list|join|leave`: users who are granted the same. */
export function groupCommand(data: string): Command {
  const group = new Command('group').description('groups of users, for grants').addHelpText('after', EXAMPLES)
  const add = (usage: string, description: string, example: string): Command => {
    const command = withVolume(group.command(usage).description(description), data)
    return command.addHelpText('after', `\nExample:\n  lacre group ${example}`)
  }
  add('add <group>', 'make a group', 'add ci').action((name: string, options: VolumeOptions) => change(options, 'add', name))
  add('remove <group>', 'remove a group that has no grants', 'remove ci').action((name: string, options: VolumeOptions) => change(options, 'remove', name))
  add('list', 'list the groups and their members', 'list').action(list)
  add('join <group> <users...>', 'add users to a group', 'join ci jenkins').action((name: string, users: string[], options: VolumeOptions) =>
    change(options, 'join', name, users),
  )
  add('leave <group> <users...>', 'take users out of a group', 'leave ci jenkins').action((name: string, users: string[], options: VolumeOptions) =>
    change(options, 'leave', name, users),
  )
  return group
}

async function change(options: VolumeOptions, verb: 'add' | 'remove' | 'join' | 'leave', group: string, users: readonly string[] = []): Promise<void> {
  const answer = (await askAccess(options, `group-${verb}`, { group, users })) as ChangedGroup
  const done = { add: `group ${group} made`, remove: `group ${group} removed`, join: format(answer), leave: format(answer) }
  printAnswer(options, answer, [done[verb]])
}

async function list(options: VolumeOptions): Promise<void> {
  const groups = (await askAccess(options, 'group-list', {})) as ListedGroup[]
  printAnswer(options, groups, groups.length > 0 ? groups.map(format) : ['no groups'])
}

function format({ group, members }: ListedGroup): string {
  return `${group}: ${members.length > 0 ? members.join(', ') : 'nobody'}`
}
