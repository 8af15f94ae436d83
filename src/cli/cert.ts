import { Command } from 'commander'
import { exportCommand } from './cert-export.ts'
import { importCommand } from './cert-import.ts'
import { issueCommand } from './cert-issue.ts'
import { keepCommands } from './cert-keep.ts'
import { requestCommands } from './cert-request.ts'
import { showCommand } from './cert-show.ts'

const EXAMPLES = `
Examples:
  lacre cert issue server registry.intranet 192.0.2.10
  lacre cert issue client alice
  lacre cert export docker-client alice --to for-alice
  lacre cert show registry.intranet:5000`

/** `lacre cert`: certificates of servers and clients. */
export function certCommand(data: string): Command {
  const cert = new Command('cert').description('certificates of servers and clients').addHelpText('after', EXAMPLES)
  const commands = [issueCommand(data), ...requestCommands(data), importCommand(data), ...keepCommands(data), showCommand(data), exportCommand(data)]
  for (const command of commands) cert.addCommand(command)
  return cert
}
