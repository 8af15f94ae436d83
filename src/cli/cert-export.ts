import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { Argument, Command } from 'commander'
import { authorityPaths, readAuthorityCertificate } from '../pki/authority-files.ts'
import { type BundleName, bundleFiles, bundleNames, bundleProfiles, fileNameOf, type Material } from '../pki/bundles.ts'
import { type CertificatePair, choosePair, findPairs, getPairs, pairFolders } from '../pki/certificate-pair.ts'
import { refuseExisting } from '../pki/new-files.ts'
import { asStarted } from '../volume/owner.ts'
import { formatField } from './certificate-description.ts'
import { locatePki, type PkiOptions, printResult, withPki } from './pki-folder.ts'
import { writeOut } from './write-out.ts'

interface ExportOptions extends PkiOptions {
  readonly to: string
  readonly from?: string
  readonly force?: boolean
  readonly dryRun?: boolean
}

const EXAMPLES = `
Bundles:
  server          server.crt server.key
  client          client.crt client.key ca.crt
  trust           ca.crt
  docker-client   ca.crt client.cert client.key  for docker's certs.d/HOST:PORT
  docker-daemon   ca.pem server-cert.pem server-key.pem  for dockerd --tlsverify
  docker-cli      ca.pem cert.pem key.pem  for ~/.docker

Examples:
  lacre cert export server --to certs
  lacre cert export docker-client alice --to /etc/docker/certs.d/r.intranet
  lacre cert export trust --to for-everybody

No bundle ever holds the key of the CA.`

/** `lacre cert export`: the files that somebody needs, and no other, under the names that are wanted there. */
export function exportCommand(data: string): Command {
  return withPki(new Command('export').description('write the files that a server or a client needs, and no other'), data)
    .addArgument(new Argument('<bundle>', 'what for').choices(bundleNames))
    .argument('[name]', 'what the certificate was issued for')
    .requiredOption('--to <dir>', 'folder for the files')
    .option('--from <dir>', 'folder with certificate and key, if it is elsewhere')
    .option('--force', 'replace files that are there, and keep them beside')
    .option('--dry-run', 'tell what would be written')
    .addHelpText('after', EXAMPLES)
    .action(exportBundle)
}

async function exportBundle(bundle: BundleName, name: string | undefined, options: ExportOptions): Promise<void> {
  const directory = await locatePki(options)
  const files = bundleFiles(bundle, await readMaterial(directory, bundle, name, options))
  const folder = resolve(options.to)
  if (!options.force)
    refuseExisting(
      folder,
      files.map((file) => file.name),
    )
  const paths = options.dryRun ? files.map((file) => join(folder, file.name)) : await writeOut(directory, folder, files)
  const described = files.map(({ mode }, index) => ({ path: paths[index], mode: mode.toString(8).padStart(4, '0') }))
  printResult(options, { bundle, files: described, ...(options.dryRun && { dryRun: true }) }, [
    ...(options.dryRun ? ['would write:'] : []),
    ...described.flatMap(({ path = '', mode }) => formatField(mode, path, 6)),
  ])
}

async function readMaterial(directory: string, bundle: BundleName, name: string | undefined, options: ExportOptions): Promise<Material> {
  const authorities = await readTrust(directory)
  const profile = bundleProfiles[bundle]
  if (!profile) return { certificate: '', authorities }
  return asStarted(async () => {
    const pair = await findMeant(directory, profile, name, options)
    return { certificate: await readFile(pair.certificatePath, 'utf8'), key: await readFile(pair.keyPath, 'utf8'), authorities }
  })
}

async function readTrust(directory: string): Promise<string> {
  const paths = authorityPaths(directory)
  if (existsSync(paths.bundle)) return readFile(paths.bundle, 'utf8')
  return (await readAuthorityCertificate(paths)).toString()
}

async function findMeant(directory: string, profile: 'server' | 'client', name: string | undefined, { from }: ExportOptions): Promise<CertificatePair> {
  if (from !== undefined) return choosePair(await getPairs(resolve(from)), { profile, ...(name !== undefined && { name }) })
  if (name !== undefined) return choosePair(await getPairs(join(directory, 'issued', fileNameOf(name))), { profile })
  const own = profile === 'server' ? await findPairs(join(directory, 'server')) : []
  return choosePair(own.length > 0 ? own : (await Promise.all((await pairFolders(directory)).map(findPairs))).flat(), { profile })
}
