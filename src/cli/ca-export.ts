import { mkdir } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { Command } from 'commander'
import { type ExportedFiles, exportAuthority, exportFormats, keytoolLines } from '../pki/authority-export.ts'
import { authorityPaths, findText, readAuthorityCertificate } from '../pki/authority-files.ts'
import { writeFileDurably } from '../pki/durable-files.ts'
import { asStarted } from '../volume/owner.ts'
import { locatePki, type PkiOptions, printResult, withPki } from './pki-folder.ts'

interface ExportOptions extends PkiOptions {
  readonly format: string
  readonly host?: string
  readonly out?: string
  readonly dryRun?: boolean
}

const EXAMPLES = `
Examples:
  lacre ca export > ca.crt
  lacre ca export --format docker --host registry.intranet:5000 \\
    --out /etc/docker/certs.d
  lacre ca export --format containerd --host registry.intranet:5000 \\
    --out /etc/containerd/certs.d
  lacre ca export --format k8s-configmap | kubectl apply -f -
  lacre ca export --out /tmp             the line for Java's keytool with it

Only what everybody may have: never a key. During a rotation both roots.`

/** `lacre ca export`: what clients trust, in the files that they read. */
export function exportCommand(data: string): Command {
  return withPki(new Command('export').description('the CA certificate for clients, without its key'), data)
    .option('--format <format>', exportFormats.join(' '), 'pem')
    .option('--host <host:port>', 'the registry, as images are named')
    .option('--out <dir>', 'folder to write to (default: print, if it is one file of text)')
    .option('--dry-run', 'tell which files would be written')
    .addHelpText('after', EXAMPLES)
    .action(exportCa)
}

async function exportCa(options: ExportOptions): Promise<void> {
  const paths = authorityPaths(await locatePki(options))
  const certificate = await readAuthorityCertificate(paths)
  const bundle = (await findText(paths.bundle)) ?? certificate.toString()
  const files = exportAuthority(options.format, bundle, options.host)
  const [first, ...others] = Object.values(files)
  if (options.out === undefined && !options.json && !options.dryRun && others.length === 0) {
    process.stdout.write(first ?? '')
    return
  }
  const out = options.out ?? '.'
  const written = Object.keys(files).map((name) => join(out, name))
  if (!options.dryRun) await asStarted(() => writeFiles(out, files))
  const keytool =
    options.format === 'pem' || options.format === 'der' ? ['', 'For Java:', ...keytoolLines(bundle, written[0] ?? '').map((line) => `  ${line}`)] : []
  printResult(options, { files: written, dryRun: options.dryRun === true }, [
    ...written.map((path) => `${options.dryRun ? 'would write' : 'wrote'} ${path}`),
    ...keytool,
  ])
}

async function writeFiles(out: string, files: ExportedFiles): Promise<void> {
  for (const [name, content] of Object.entries(files)) {
    const path = join(out, name)
    await mkdir(dirname(path), { recursive: true })
    await writeFileDurably(path, content, 0o644)
  }
}
