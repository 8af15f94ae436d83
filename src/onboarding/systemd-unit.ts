import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'

/** How systemd starts a service here, with all drop-ins but the one we write. */
export interface ServiceUnit {
  readonly path: string
  /** The one command of `ExecStart`, for example `/usr/bin/dockerd -H fd://`. */
  readonly command: string
  /** Texts of its `EnvironmentFile`s that are there, by path. */
  readonly environmentFiles: Readonly<Record<string, string>>
}

/** systemd.unit(5), unit file load path, the strongest first. */
const FOLDERS = ['/etc/systemd/system', '/run/systemd/system', '/usr/local/lib/systemd/system', '/usr/lib/systemd/system', '/lib/systemd/system']

/** @param root the folder that stands for `/`. @param except the name of a drop-in that is not looked at. */
export async function findServiceUnit(root: string, name: string, except: string): Promise<ServiceUnit | undefined> {
  const found = await findFirst(FOLDERS.map((folder) => join(folder, name)).map((path) => ({ path, text: readText(join(root, path)) })))
  if (!found) return undefined
  const texts = [found.text, ...(await readDropIns(root, `${name}.d`, except))]
  const paths = texts.reduce((values, text) => collectSetting(values, text, 'EnvironmentFile'), [] as readonly string[])
  const files = paths.map((path) => path.replace(/^-/, '')).map(async (path) => [path, (await readText(join(root, path))) ?? ''] as const)
  const commands = texts.reduce((values, text) => collectSetting(values, text, 'ExecStart'), [] as readonly string[])
  return { path: found.path, command: commands.at(-1) ?? '', environmentFiles: Object.fromEntries(await Promise.all(files)) }
}

/** A drop-in that starts the service with another command. */
export function formatDropIn(command: string, why: string): string {
  return `# ${why}\n[Service]\nExecStart=\nExecStart=${command}\n`
}

/** In the order in which systemd reads them: by name; of two with one name the one in the stronger folder. */
async function readDropIns(root: string, folder: string, except: string): Promise<string[]> {
  const byName = new Map<string, string>()
  for (const place of FOLDERS.toReversed()) {
    const names = await readdir(join(root, place, folder)).catch(() => [])
    for (const name of names) byName.set(name, join(root, place, folder, name))
  }
  const names = [...byName.keys()].filter((name) => name.endsWith('.conf') && name !== except).sort()
  const texts = await Promise.all(names.map((name) => readText(byName.get(name) ?? '')))
  return texts.filter((text) => text !== undefined)
}

/** What a list setting of `[Service]` holds after this text: an empty one clears what was there. */
function collectSetting(before: readonly string[], text: string, key: string): readonly string[] {
  let [section, values] = ['', before]
  for (const line of text.replace(/\\\n/g, ' ').split('\n')) {
    section = /^\[(.*)\]\s*$/.exec(line)?.[1] ?? section
    const [, name, value = ''] = /^\s*(\w+)\s*=\s*(.*?)\s*$/.exec(line) ?? []
    if (section === 'Service' && name === key) values = value === '' ? [] : [...values, value]
  }
  return values
}

async function findFirst(candidates: readonly { path: string; text: Promise<string | undefined> }[]): Promise<{ path: string; text: string } | undefined> {
  for (const { path, text } of candidates) {
    const found = await text
    if (found !== undefined) return { path, text: found }
  }
  return undefined
}

/** `undefined` for what is not there, and for what is a link to /dev/null: a masked unit. */
async function readText(path: string): Promise<string | undefined> {
  const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return ''
    throw error
  })
  return text === '' ? undefined : text
}
