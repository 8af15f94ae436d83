/** One thing wrong with a configuration: the key's path, where it was written, and what would be right. */
export interface ConfigProblem {
  /** Dotted, for example `http.tls.certificate`; empty for the file as a whole, and for a variable that sets no key. */
  readonly path: string
  /** Line of the configuration file, absent for keys set by the environment or by nobody. */
  readonly line?: number
  /** `config.yml:4` or the name of an environment variable. */
  readonly where?: string
  readonly message: string
  readonly suggestion?: string
}

/** What a look at a configuration found: why it cannot be used, and what is ignored or surprising. */
export interface Findings {
  readonly problems: ConfigProblem[]
  readonly warnings: ConfigProblem[]
}

/** A configuration that cannot be used; carries every problem found, not only the first. */
export class ConfigError extends Error {
  readonly hint: string
  readonly problems: readonly ConfigProblem[]
  readonly warnings: readonly ConfigProblem[]

  /** @param warnings what was ignored, which often explains a problem: a misspelt key is one that is not set */
  constructor(problems: readonly ConfigProblem[], warnings: readonly ConfigProblem[] = []) {
    super([formatProblems(problems), ...warnings.map((warning) => `  - also: ${formatFinding(warning)}`)].join('\n'))
    this.name = 'ConfigError'
    this.problems = problems
    this.warnings = warnings
    this.hint = problems.find((problem) => problem.suggestion)?.suggestion ?? 'run "lacre config keys" to see every key and what it takes'
  }
}

/** One line: key, what is the matter, where, and what would be right. */
export function formatFinding(finding: ConfigProblem): string {
  return finding.suggestion ? `${formatProblem(finding)}: ${finding.suggestion}` : formatProblem(finding)
}

function formatProblems(problems: readonly ConfigProblem[]): string {
  const [first] = problems
  if (first && problems.length === 1) return `configuration: ${formatProblem(first)}`
  return [`the configuration has ${problems.length} problems`, ...problems.map((problem) => `  - ${formatFinding(problem)}`)].join('\n')
}

function formatProblem({ path, where, message }: ConfigProblem): string {
  if (!path && where) return `${where} ${message}`
  return `${[path, message].filter(Boolean).join(' ')}${where ? ` (${where})` : ''}`
}
