import { Command } from 'commander'
import { type LoadOptions, loadConfig } from '../config/load.ts'
import { describeConfig, formatConfig, formatKeys } from '../config/show.ts'

/** Where a command prints what it was asked for. */
interface Output {
  write(text: string): unknown
}

/** `lacre config`: what is in effect, and what there is to set. */
export function configCommand(out: Output = process.stdout, environment?: LoadOptions['environment']): Command {
  const command = new Command('config')
    .description('show the configuration')
    .addHelpText('after', '\nExamples:\n  lacre config show\n  lacre config keys')
    .addHelpText('after', '\nExample:\n  lacre config show')

  command
    .command('show')
    .description('show every effective value and where it comes from; secrets are hidden')
    .argument('[config]', 'configuration file; without it the one that "lacre serve" would read')
    .option('--json', 'print JSON; durations are in milliseconds')
    .addHelpText('after', '\nExample:\n  REGISTRY_STORAGE_DELETE_ENABLED=true lacre config show /etc/docker/registry/config.yml')
    .action(async (path: string | undefined, options: { json?: true }) => {
      const loaded = await loadConfig({ ...(path === undefined ? {} : { path }), ...(environment ? { environment } : {}) })
      out.write(options.json ? toJson(loaded) : formatConfig(loaded))
    })

  command
    .command('keys')
    .description('list every key with its type, default and meaning')
    .addHelpText('after', '\nExample:\n  lacre config keys | grep -A1 http.tls')
    .action(() => {
      out.write(formatKeys())
    })

  return command
}

function toJson(loaded: Parameters<typeof describeConfig>[0]): string {
  const { path, warnings } = loaded
  return `${JSON.stringify({ path, values: describeConfig(loaded), warnings }, undefined, 2)}\n`
}
