import { Command } from 'commander'
import { ConfigError, type ConfigProblem, formatFinding } from '../config/config-error.ts'
import { configJsonSchema } from '../config/json-schema.ts'
import { findConfigFile, type LoadOptions, loadConfig } from '../config/load.ts'
import { describeConfig, formatConfig, formatKeys } from '../config/show.ts'

/** Where a command prints what it was asked for. */
interface Output {
  write(text: string): unknown
}

/** What the commands work with: the arguments' file and the process's environment, or a test's. */
interface Surroundings {
  readonly out: Output
  readonly environment: LoadOptions['environment']
}

const CONFIG = 'configuration file; without it the one that "lacre serve" would read'

/** `lacre config`: what is in effect, what is wrong with it, and what there is to set. */
export function configCommand(out: Output = process.stdout, environment?: LoadOptions['environment']): Command {
  const surroundings = { out, environment }
  return new Command('config')
    .description('show and check the configuration')
    .addHelpText('after', '\nExamples:\n  lacre config show\n  lacre config check /etc/docker/registry/config.yml\n  lacre config keys')
    .addCommand(showCommand(surroundings))
    .addCommand(checkCommand(surroundings))
    .addCommand(keysCommand(surroundings))
    .addCommand(schemaCommand(surroundings))
}

function showCommand({ out, environment }: Surroundings): Command {
  return new Command('show')
    .description('show every effective value and where it comes from; secrets are hidden')
    .argument('[config]', CONFIG)
    .option('--json', 'print JSON; durations are in milliseconds')
    .addHelpText('after', '\nExample:\n  REGISTRY_HTTP_ADDR=:443 lacre config show /etc/docker/registry/config.yml')
    .action(async (path: string | undefined, options: { json?: true }) => {
      const loaded = await loadConfig(loadOptions(path, environment))
      out.write(options.json ? toJson(loaded) : formatConfig(loaded))
    })
}

function checkCommand({ out, environment }: Surroundings): Command {
  return new Command('check')
    .description('name everything that is wrong with the configuration or surprising in it; exit code 1 when it cannot be used')
    .argument('[config]', CONFIG)
    .option('--json', 'print JSON')
    .addHelpText('after', '\nExample:\n  lacre config check /etc/docker/registry/config.yml')
    .action(async (given: string | undefined, options: { json?: true }) => {
      const path = await findConfigFile(loadOptions(given, environment))
      const findings = await inspect(loadOptions(path, environment))
      out.write(options.json ? `${JSON.stringify({ path, ...findings }, undefined, 2)}\n` : formatInspection(findings, path))
      if (findings.problems.length > 0) process.exitCode = 1
    })
}

function keysCommand({ out }: Surroundings): Command {
  return new Command('keys')
    .description('list every key with its type, default and meaning')
    .addHelpText('after', '\nExample:\n  lacre config keys | grep -A1 http.tls')
    .action(() => void out.write(formatKeys()))
}

function schemaCommand({ out }: Surroundings): Command {
  return new Command('schema')
    .description('print the format of the file as JSON Schema, for editors')
    .addHelpText('after', '\nExample:\n  lacre config schema > lacre.schema.json')
    .action(() => void out.write(`${JSON.stringify(configJsonSchema(), undefined, 2)}\n`))
}

function loadOptions(path: string | undefined, environment: LoadOptions['environment']): LoadOptions {
  return { ...(path === undefined ? {} : { path }), ...(environment ? { environment } : {}) }
}

interface Inspection {
  readonly problems: readonly ConfigProblem[]
  readonly warnings: readonly ConfigProblem[]
}

async function inspect(options: LoadOptions): Promise<Inspection> {
  try {
    const { findings } = await loadConfig(options)
    return { problems: [], warnings: byLine(findings) }
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    return { problems: byLine(error.problems), warnings: byLine(error.warnings) }
  }
}

/** In the order of the file; variables come first. */
function byLine(findings: readonly ConfigProblem[]): ConfigProblem[] {
  return findings.toSorted((left, right) => (left.line ?? 0) - (right.line ?? 0))
}

/** A line for each finding, then one that sums up. */
function formatInspection({ problems, warnings }: Inspection, path: string | undefined): string {
  const lines = [...problems.map((problem) => `problem  ${formatFinding(problem)}`), ...warnings.map((warning) => `warning  ${formatFinding(warning)}`)]
  const place = path ?? "no file: registry:2's own configuration"
  const sum = lines.length === 0 ? 'everything is in order' : `${problems.length} problems, ${warnings.length} warnings`
  return `${[...lines, `${sum} (${place})`].join('\n')}\n`
}

function toJson(loaded: Parameters<typeof describeConfig>[0]): string {
  const { path, warnings } = loaded
  return `${JSON.stringify({ path, values: describeConfig(loaded), warnings }, undefined, 2)}\n`
}
