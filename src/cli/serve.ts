import { Command } from 'commander'
import { type RunningServer, startServer } from '../app.ts'
import { loadConfig } from '../config/load.ts'

const EXAMPLES = `
CONFIG is a registry:2 or registry:3 configuration file; without it the one that
REGISTRY_CONFIGURATION_PATH names, then /etc/distribution/config.yml, then
/etc/docker/registry/config.yml, then registry:2's own values. REGISTRY_*
variables go on top of it.

Examples:
  lacre serve /etc/docker/registry/config.yml
  REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY=/srv/registry lacre serve`

/** `lacre serve [CONFIG]`: serves exactly what a configuration says, as registry:2 would, until SIGTERM or SIGINT. */
export function serveCommand(): Command {
  return new Command('serve')
    .description('serve what a configuration says, as registry:2 would')
    .argument('[config]', 'configuration file')
    .option('--strict', 'refuse to start with a certificate that clients will trip over')
    .addHelpText('after', EXAMPLES)
    .action((path: string | undefined, { strict }: { strict?: boolean }) => serve(path, strict === true))
}

/** Returns when the server has stopped. */
export async function serve(path: string | undefined, isStrict = false): Promise<void> {
  const loaded = await loadConfig(path === undefined ? {} : { path })
  const { config, warnings, path: configuration, inheritedSocket } = loaded
  const options = { isStrict, warnings, ...(configuration && { configuration }), ...(inheritedSocket !== undefined && { inheritedSocket }) }
  await runUntilStopped(() => startServer(config, options))
}

const STOP_SIGNALS = ['SIGTERM', 'SIGINT'] as const

/** Runs a server until SIGTERM or SIGINT, one that comes while it starts included; a second signal ends the process at once. */
export async function runUntilStopped(start: () => Promise<RunningServer>): Promise<void> {
  const stopped = new Promise<void>((resolve) => {
    for (const signal of STOP_SIGNALS) process.once(signal, () => resolve())
  })
  const server = await start()
  await stopped
  for (const signal of STOP_SIGNALS) process.once(signal, () => process.exit(1))
  await server.stop()
  process.exit(0) // @NOTE worker threads and idle handles have nothing left to do
}
