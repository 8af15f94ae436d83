import { Command } from 'commander'
import { showCommand } from './cert-show.ts'

/** `lacre cert`: certificates of servers and clients. */
export function certCommand(data: string): Command {
  return new Command('cert')
    .description('certificates of servers and clients')
    .addCommand(showCommand(data))
    .addHelpText('after', '\nExample:\n  lacre cert show registry.intranet:5000')
}
