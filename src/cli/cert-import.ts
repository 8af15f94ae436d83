import type { X509Certificate } from 'node:crypto'
import { join, resolve } from 'node:path'
import { Command } from 'commander'
import { fileNameOf, pairNames } from '../pki/bundles.ts'
import { orderChain } from '../pki/certificate-chain.ts'
import { CertificateError } from '../pki/certificate-error.ts'
import { readCertificates } from '../pki/certificate-files.ts'
import { isForClients, namesOf } from '../pki/certificate-pair.ts'
import { hasNames, maySignCertificates } from '../pki/certificate-traits.ts'
import { formatKey, readKeyFile } from '../pki/key-file.ts'
import { refuseExisting } from '../pki/new-files.ts'
import { describeCertificate, formatDescription, formatField } from './certificate-description.ts'
import { askPassphrase, type PassphraseOptions, withPassphrase } from './passphrase-input.ts'
import { locatePki, type PkiOptions, printResult, withPki } from './pki-folder.ts'
import { writeOut } from './write-out.ts'

interface ImportOptions extends PkiOptions, PassphraseOptions {
  readonly cert: string
  readonly key: string
  readonly chain?: string
  readonly out?: string
  readonly force?: boolean
  readonly dryRun?: boolean
}

const EXAMPLES = `
Examples:
  lacre cert import --cert mine.crt --key server.key --chain intermediate.pem
  lacre cert import --cert domain.crt --key domain.key --out certs

The certificates are put in the order that servers must send them in, and all is
written as server.crt and server.key. To serve them, name both in the
configuration, or in REGISTRY_HTTP_TLS_CERTIFICATE and REGISTRY_HTTP_TLS_KEY.`

/** `lacre cert import`: what another CA has issued, checked and put in order. */
export function importCommand(data: string): Command {
  return withPassphrase(withPki(new Command('import').description('check a certificate of another CA, its key and its chain'), data))
    .requiredOption('--cert <file>', 'the certificate, maybe with its chain')
    .requiredOption('--key <file>', 'its key; one that is encrypted is written without passphrase')
    .option('--chain <file>', 'the certificates of the CAs between it and the root')
    .option('--out <dir>', 'where the files go (default: issued/NAME in the folder of the CA)')
    .option('--force', 'replace files that are there, and keep them beside')
    .option('--dry-run', 'check only')
    .addHelpText('after', EXAMPLES)
    .action(importPair)
}

async function importPair(options: ImportOptions): Promise<void> {
  const key = await readKeyFile(options.key, askPassphrase(options))
  const certificates = [...(await readCertificates(options.cert)), ...(options.chain === undefined ? [] : await readCertificates(options.chain))]
  const leaf = certificates.find((certificate) => certificate.checkPrivateKey(key))
  if (!leaf) {
    throw new CertificateError(
      `the key ${options.key} does not match the certificate ${options.cert}: clients would see "tls: private key does not match public key"`,
      {
        hint: 'take the key that the certificate was requested with; compare: openssl x509 -noout -pubkey -in CERTIFICATE and openssl pkey -pubout -in KEY',
      },
    )
  }
  refuseAuthority(leaf, options)
  const chain = orderChain(leaf, certificates)
  const files = pairNames('lacre', isForClients(leaf) ? 'client' : 'server', '')
  const name = namesOf(leaf)[0]?.value ?? 'imported'
  const directory = await locatePki(options)
  const folder = options.out === undefined ? join(directory, 'issued', fileNameOf(name)) : resolve(options.out)
  if (!options.force) refuseExisting(folder, [files.certificate, files.key])
  const written = [
    { name: files.key, text: await formatKey(key), mode: 0o600 },
    { name: files.certificate, text: chain.map((certificate) => certificate.toString()).join(''), mode: 0o644 },
  ]
  const paths = options.dryRun ? written.map((file) => join(folder, file.name)) : await writeOut(directory, folder, written)
  const described = chain.map((certificate) => describeCertificate(certificate))
  printResult(options, { certificates: described, files: paths, ...(options.dryRun && { dryRun: true }) }, [
    ...described.flatMap((certificate, index) => [...(index > 0 ? [''] : []), ...formatDescription(certificate)]),
    '',
    ...(options.dryRun ? ['would write:'] : []),
    ...paths.flatMap((path, index) => formatField(index === 0 ? 'files' : '', path)),
  ])
}

/** Its key would be written here without a passphrase. A self-signed server's certificate that says CA:TRUE has names. */
function refuseAuthority(leaf: X509Certificate, { cert, key }: ImportOptions): void {
  if (!maySignCertificates(leaf) || hasNames(leaf)) return
  throw new CertificateError(`${cert} is the certificate of a CA, and ${key} is the key of that CA: nothing was written`, {
    hint: `to take the CA over, its key encrypted: lacre ca import --cert ${cert} --key ${key}`,
  })
}
