import { join, relative, sep } from 'node:path'
import type { Node, SourceFile } from 'typescript/unstable/ast'
import { API, type Checker } from 'typescript/unstable/sync'

/** The TypeScript project of a folder, as the compiler sees it. Closed by the garbage: a script reads it once and ends. */
interface Project {
  readonly checker: Checker
  readonly files: readonly ProjectFile[]
}

export interface ProjectFile {
  /** Relative to the project, with slashes: `src/oci/digest.ts`. */
  readonly path: string
  readonly source: SourceFile
}

/** Something wrong, where an editor finds it. */
export interface Finding {
  readonly path: string
  readonly line: number
  readonly message: string
}

/** Reads what `tsconfig.json` in `folder` includes, calls `use` with it, and lets the compiler go. */
export function readProject<T>(folder: string, use: (project: Project) => T): T {
  const api = new API({ cwd: folder })
  try {
    const config = join(folder, 'tsconfig.json')
    using snapshot = api.updateSnapshot({ openProjects: [config] })
    const project = snapshot.getProject(config)
    if (!project) throw new Error(`the compiler finds no project in ${folder}`)
    const files = project.rootFiles.map((name) => {
      const source = project.program.getSourceFile(name)
      if (!source) throw new Error(`the compiler cannot read ${name}`)
      return { path: relative(folder, name).split(sep).join('/'), source }
    })
    return use({ checker: project.checker, files })
  } finally {
    api.close()
  }
}

export function finding(file: ProjectFile, node: Node, message: string): Finding {
  return { path: file.path, line: file.source.getLineAndCharacterOfPosition(node.getStart(file.source)).line + 1, message }
}

/** A node and everything below it, in the order of the text. */
export function descendants(root: Node): Node[] {
  const found: Node[] = []
  const visit = (node: Node): void => {
    found.push(node)
    node.forEachChild(visit)
  }
  visit(root)
  return found
}

/** Prints findings one a line; the process ends with 1 if there are any. */
export function report(findings: readonly Finding[]): void {
  for (const { path, line, message } of findings) console.log(`${path}:${line}: ${message}`)
  if (findings.length > 0) process.exitCode = 1
}
