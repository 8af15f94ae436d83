/** One thing wrong with a configuration: the key's path, where it was written, and what would be right. */
export interface ConfigProblem {
  /** Dotted, for example `http.tls.certificate`; empty for the file as a whole. */
  readonly path: string
  /** Line of the configuration file, absent for keys set by the environment or by nobody. */
  readonly line?: number
  /** `config.yml:4` or the name of an environment variable. */
  readonly where?: string
  readonly message: string
  readonly suggestion?: string
}

/** A configuration that cannot be used; carries every problem found, not only the first. */
export class ConfigError extends Error {
  readonly hint: string
  readonly problems: readonly ConfigProblem[]

  /** @param warnings what was ignored, which often explains a problem: a misspelt key is one that is not set */
  constructor(problems: readonly ConfigProblem[], warnings: readonly string[] = []) {
    super([formatProblems(problems), ...warnings.map((warning) => `  - also: ${warning}`)].join('\n'))
    this.name = 'ConfigError'
    this.problems = problems
    this.hint = problems.find((problem) => problem.suggestion)?.suggestion ?? 'run "lacre config keys" to see every key and what it takes'
  }
}

function formatProblems(problems: readonly ConfigProblem[]): string {
  const [first] = problems
  if (first && problems.length === 1) return `configuration: ${formatProblem(first)}`
  return [`the configuration has ${problems.length} problems`, ...problems.map((problem) => `  - ${formatWithSuggestion(problem)}`)].join('\n')
}

function formatWithSuggestion(problem: ConfigProblem): string {
  return problem.suggestion ? `${formatProblem(problem)}: ${problem.suggestion}` : formatProblem(problem)
}

function formatProblem({ path, where, message }: ConfigProblem): string {
  return `${[path, message].filter(Boolean).join(' ')}${where ? ` (${where})` : ''}`
}
