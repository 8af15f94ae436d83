import { cp, mkdir, symlink, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { openTemporaryFolder } from './temporary-folder.ts'

/** The checkout that the tests belong to. */
export const checkout = join(import.meta.dirname, '..', '..', '..')

const tools = ['.gitignore', 'biome.json', 'bin', 'knip.json', 'scripts', 'tsconfig.json']

/** It reads the configuration's schema, which a planted project does not have. */
const isAboutSources = (path: string): boolean => path.endsWith('scripts/document-config.ts')

const manifest = {
  name: 'planted',
  private: true,
  type: 'module',
  devDependencies: { '@biomejs/biome': '*', '@types/node': '*', knip: '*', typescript: '*' },
}

/** A small project that every check is content with. */
const clean: Readonly<Record<string, string>> = {
  'package.json': `${JSON.stringify(manifest, null, 2)}\n`,
  'src/main.ts': `import { run } from './cli/run.ts'\n\nawait run()\n`,
  'src/cli/run.ts': `import { parseSize } from '../oci/size.ts'\n\nexport async function run(): Promise<void> {\n  await Promise.resolve(parseSize('1'))\n}\n`,
  'src/oci/size.ts': 'export function parseSize(text: string): number {\n  return Number(text)\n}\n',
  'src/volume/memory.ts': 'export const memory = new Map<string, string>()\n',
}

/** The checkout's tools on the clean project, with some files planted. In a folder of its own: the checkout is not touched. */
export async function plantProject(planted: Readonly<Record<string, string>>): Promise<AsyncDisposable & { readonly path: string }> {
  const folder = await openTemporaryFolder()
  for (const tool of tools) await cp(join(checkout, tool), join(folder.path, tool), { recursive: true, filter: (path) => !isAboutSources(path) })
  await symlink(join(checkout, 'node_modules'), join(folder.path, 'node_modules'))
  for (const [path, text] of Object.entries({ ...clean, ...planted })) {
    await mkdir(dirname(join(folder.path, path)), { recursive: true })
    await writeFile(join(folder.path, path), text)
  }
  return folder
}
