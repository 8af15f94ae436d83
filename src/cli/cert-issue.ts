import { createPublicKey } from 'node:crypto'
import { join, resolve } from 'node:path'
import { Command } from 'commander'
import { parseAccountName } from '../access/account-name.ts'
import { authorityPaths, readAuthorityCertificate } from '../pki/authority-files.ts'
import { fileNameOf, filesOf, type PairNames, pairNames } from '../pki/bundles.ts'
import { CertificateError } from '../pki/certificate-error.ts'
import { chainOf } from '../pki/certificate-pair.ts'
import { parseSubject } from '../pki/distinguished-name.ts'
import { formatKey } from '../pki/key-file.ts'
import { makeKey, parseKeyKind } from '../pki/key-kind.ts'
import { type LeafRequest, planLeaf } from '../pki/leaf-certificate.ts'
import { parseCertificateNames } from '../pki/names.ts'
import { refuseExisting } from '../pki/new-files.ts'
import { addNames } from './cert-add.ts'
import { type IssueOptions, notes, printIssued, withAuthority, withPair } from './cert-signing.ts'
import { withPassphrase } from './passphrase-input.ts'
import { locatePki, parseDays, printResult, withPki } from './pki-folder.ts'
import { writeOut } from './write-out.ts'

const EXAMPLES = `
Examples:
  lacre cert issue server registry.intranet 192.0.2.10
  lacre cert issue server registry.intranet,registry --ip 192.0.2.10 --out certs
  lacre cert issue server --add mirror.intranet     the registry's own, one more
  lacre cert issue client alice --out alice-laptop
  lacre cert issue server r.intranet --pki /out --out /out --names certstrap

Without --out the files are in issued/NAME in the folder of the CA.`

/** `lacre cert issue server|client`: a key and a certificate of our own CA. */
export function issueCommand(data: string): Command {
  const server = issuing('server', 'names and addresses that clients use', data)
    .argument('[name...]', 'host names and addresses, the first is the CN')
    .option('--ip <address...>', 'more addresses')
    .option('--add <name...>', 'one more name for a certificate that there is; its key stays')
    .action((names: string[], options: IssueOptions) => issueServer(names, options))
  const client = issuing('client', 'an account', data)
    .argument('<account>', 'whose requests they will be')
    .action((account: string, options: IssueOptions) => issueClient(account, options))
  return new Command('issue').description('make a key, and a certificate of our own CA').addCommand(server).addCommand(client).addHelpText('after', EXAMPLES)
}

function issuing(name: string, whom: string, data: string): Command {
  return withPair(withPassphrase(withPki(new Command(name).description(`a certificate for ${whom}`), data)))
    .option('--days <number>', 'how long it lasts (default: 90)', parseDays)
    .addHelpText('after', EXAMPLES)
}

async function issueServer(texts: readonly string[], options: IssueOptions): Promise<void> {
  if (options.add) return addNames(texts, options.add, options)
  const names = parseCertificateNames([...texts, ...(options.ip ?? [])])
  const [first] = names
  if (!first) throw new CertificateError('a certificate needs a name', { hint: 'give the host name that clients will use, for example registry.intranet' })
  await issuePair(first.value, { profile: 'server', names }, options)
}

async function issueClient(account: string, options: IssueOptions): Promise<void> {
  await issuePair(account, { profile: 'client', names: [], account: parseAccountName(account) }, options)
}

async function issuePair(name: string, wanted: Pick<LeafRequest, 'profile' | 'names' | 'account'>, options: IssueOptions): Promise<void> {
  const directory = await locatePki(options)
  const folder = options.out === undefined ? join(directory, 'issued', fileNameOf(name)) : resolve(options.out)
  const files: PairNames = pairNames(options.names, wanted.profile, name)
  if (!options.force) refuseExisting(folder, [files.certificate, files.key])
  const request = { ...wanted, ...(options.subject !== undefined && { subject: parseSubject(options.subject) }), ...(options.days && { days: options.days }) }
  const authority = await readAuthorityCertificate(authorityPaths(directory))
  const key = await makeKey(options.dryRun ? 'ec:p256' : parseKeyKind(options.key))
  const leaf = { ...request, publicKey: createPublicKey(key) }
  const { content, warnings } = planLeaf(authority, leaf, Date.now())
  if (options.dryRun) {
    const would = {
      names: content.names ?? [],
      notAfter: content.notAfter,
      files: [files.authorities, files.certificate, files.key].flatMap((file) => (file === undefined ? [] : [join(folder, file)])),
      warnings,
      dryRun: true,
    }
    return printResult(options, would, [
      `would make, good until ${content.notAfter.toISOString()}:`,
      ...would.files.map((path) => `  ${path}`),
      ...notes(warnings),
    ])
  }
  await withAuthority(directory, options, async (opened) => {
    let paths: string[] = []
    const issued = await opened.issue(leaf, async ({ certificate }) => {
      if (!options.force) refuseExisting(folder, [files.certificate, files.key]) // another may have been quicker
      const material = { certificate: chainOf(opened, certificate), key: await formatKey(key), authorities: opened.bundle }
      paths = await writeOut(directory, folder, filesOf(files, material))
    })
    printIssued(options, issued, paths)
  })
}
