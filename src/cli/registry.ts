import { Command } from 'commander'
import { serve } from './serve.ts'
import { CONFIG_FOR_COLLECTION, collect } from './volume.ts'

const EXAMPLE = '\nExample:\n  registry serve /etc/docker/registry/config.yml'

/** Distribution's own command line: `registry serve [CONFIG]`, `registry garbage-collect CONFIG [-d] [-m] [-q]`, `registry --version`. */
export function registryProgram(version: string): Command {
  const program = new Command('registry').description('`registry`').version(`registry lacre ${version}`, '-v, --version').exitOverride() // those below inherit it
  program
    .command('serve')
    .description('`serve` stores and distributes Docker images')
    .argument('[config]', 'configuration file')
    .addHelpText('after', EXAMPLE)
    .action((path?: string) => serve(path))
  program
    .command('garbage-collect')
    .description('`garbage-collect` deletes layers not referenced by any manifests')
    .argument('[config]', CONFIG_FOR_COLLECTION)
    .option('-d, --dry-run', 'do everything except remove the blobs')
    .option('-m, --delete-untagged', 'delete manifests that are not currently referenced via tag')
    .option('-q, --quiet', 'silence output')
    .addHelpText('after', '\nExample:\n  registry garbage-collect --dry-run /etc/docker/registry/config.yml')
    .action((path: string | undefined, options: { dryRun?: boolean; deleteUntagged?: boolean; quiet?: boolean }) => collect({ ...options, config: path ?? '' }))
  return program.addHelpText('after', EXAMPLE)
}
