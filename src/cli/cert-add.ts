import { join, resolve } from 'node:path'
import { fileNameOf } from '../pki/bundles.ts'
import { choosePair, findEntry, getPairs, namesOf, renewPair } from '../pki/certificate-pair.ts'
import { parseCertificateNames } from '../pki/names.ts'
import { rememberNames } from '../pki/self-made.ts'
import { asStarted } from '../volume/owner.ts'
import { type IssueOptions, printIssued, withAuthority } from './cert-signing.ts'
import { locatePki, printResult } from './pki-folder.ts'
import { writeOut } from './write-out.ts'

/** Issues a certificate again with more names, for the same key: the registry's own, where none is named. A running registry picks it up. */
export async function addNames(named: readonly string[], added: readonly string[], options: IssueOptions): Promise<void> {
  const directory = await locatePki(options)
  const own = join(directory, 'server')
  const folder = options.out === undefined ? (named[0] === undefined ? own : join(directory, 'issued', fileNameOf(named[0]))) : resolve(options.out)
  const pair = choosePair(await asStarted(() => getPairs(folder)), {
    profile: 'server',
    ...(options.out !== undefined && named[0] !== undefined && { name: named[0] }),
  })
  const more = parseCertificateNames([...named, ...added, ...(options.ip ?? [])])
  const names = unique([...namesOf(pair.certificate), ...more])
  await withAuthority(directory, options, async (authority) => {
    const entry = findEntry(authority, pair)
    if (options.dryRun) {
      const list = names.map(({ value }) => value)
      return printResult(options, { names, file: pair.certificatePath, dryRun: true }, [`would make ${pair.certificatePath} again, for ${list.join(', ')}`])
    }
    const { issued, files } = await renewPair(authority, pair, { entry, names })
    if (folder === own) await rememberNames(directory, more)
    printIssued(options, issued, await writeOut(directory, folder, files))
  })
}

function unique(names: ReturnType<typeof parseCertificateNames>): ReturnType<typeof parseCertificateNames> {
  return [...new Map(names.map((name) => [`${name.kind}:${name.value}`, name])).values()]
}
