import { existsSync } from 'node:fs'
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { runOk } from './command.ts'

export interface Certificate {
  readonly certificate: string
  readonly key: string
  /** What a client must trust: the certificate itself, or the CA that signed it. */
  readonly ca: string
  /** The text of `ca`. */
  readonly caPem: string
}

/** `openssl req -x509` with a common name only, as people typed it in 2018: clients made with Go refuse it. */
export async function makeNameOnlyCertificate(folder: string, name: string): Promise<Certificate> {
  await mkdir(folder, { recursive: true })
  const paths = { certificate: join(folder, 'domain.crt'), key: join(folder, 'domain.key') }
  const subject = ['-subj', `/C=ES/ST=Barcelona/L=Barcelona/O=Test/CN=${name}`]
  await runOk('openssl', [
    'req',
    '-newkey',
    'rsa:2048',
    '-nodes',
    '-sha256',
    '-keyout',
    paths.key,
    '-x509',
    '-days',
    '365',
    '-out',
    paths.certificate,
    ...subject,
  ])
  return selfSigned(paths)
}

/** `openssl req -x509 -addext subjectAltName=…`: self-signed, CA:TRUE, and good for every client that is given it. */
export async function makeSanCertificate(folder: string, names: readonly string[]): Promise<Certificate> {
  await mkdir(folder, { recursive: true })
  const paths = { certificate: join(folder, 'registry_auth.crt'), key: join(folder, 'registry_auth.key') }
  const subject = '/C=FR/ST=Alpes Maritimes/L=Nice/O=SINGLETON/OU=R&D/CN=docker-registry'
  const alternative = `subjectAltName = ${names.map((name) => `DNS:${name}`).join(',')},IP:192.168.56.200`
  const options = ['-keyout', paths.key, '-out', paths.certificate, '-days', '365', '-subj', subject, '-addext', alternative]
  await runOk('openssl', ['req', '-nodes', '-x509', '-sha256', '-newkey', 'rsa:2048', ...options])
  return selfSigned(paths)
}

/** A CA and a server certificate signed by it. */
export async function makeSignedCertificate(folder: string, names: readonly string[]): Promise<Certificate> {
  const authority = await makeAuthority(folder, 'ca')
  return signCertificate(authority, 'server', { extensions: ['-addext', `subjectAltName=${names.map((name) => `DNS:${name}`).join(',')}`] })
}

/** A certificate with which a client says that it is `name`; with fewer days than none it is over. */
export function makeClientCertificate(authority: Authority, name: string, { days = 365, purpose = 'clientAuth' } = {}): Promise<Certificate> {
  return signCertificate(authority, name, { extensions: ['-addext', `extendedKeyUsage=${purpose}`], days })
}

/** Writes the revocation list of a CA, `crl.pem` in its folder, with these certificates and those that were revoked before. */
export async function writeRevocationList(authority: Authority, ...revoked: readonly Certificate[]): Promise<string> {
  const at = (name: string): string => join(authority.folder, name)
  const ca = (...args: string[]) => runOk('openssl', ['ca', '-config', at('ca.cnf'), '-cert', authority.certificate, '-keyfile', authority.key, ...args])
  if (!existsSync(at('ca.cnf'))) {
    const settings = `database = ${at('index.txt')}\ncrlnumber = ${at('crlnumber')}\ndefault_md = sha256\ndefault_crl_days = 30`
    await writeFile(at('ca.cnf'), `[ca]\ndefault_ca = own\n[own]\n${settings}\n`)
    await writeFile(at('index.txt'), '')
    await writeFile(at('crlnumber'), '01\n')
  }
  for (const { certificate } of revoked) await ca('-revoke', certificate, '-crl_reason', 'keyCompromise')
  await ca('-gencrl', '-out', at('crl.new'))
  await rename(at('crl.new'), at('crl.pem'))
  return at('crl.pem')
}

export interface Authority {
  readonly folder: string
  readonly certificate: string
  readonly key: string
}

export async function makeAuthority(folder: string, name: string): Promise<Authority> {
  await mkdir(folder, { recursive: true })
  const authority = { folder, certificate: join(folder, `${name}.crt`), key: join(folder, `${name}.key`) }
  const extensions = ['-addext', 'basicConstraints=critical,CA:TRUE', '-addext', 'keyUsage=critical,keyCertSign,cRLSign']
  const files = ['-keyout', authority.key, '-out', authority.certificate]
  await runOk('openssl', ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-subj', `/CN=${name}`, ...files, ...extensions])
  return authority
}

interface Wanted {
  readonly extensions: readonly string[]
  readonly days?: number
}

async function signCertificate(authority: Authority, name: string, { extensions, days = 365 }: Wanted): Promise<Certificate> {
  const at = (suffix: string): string => join(authority.folder, `${name}.${suffix}`)
  await runOk('openssl', ['req', '-newkey', 'rsa:2048', '-nodes', '-subj', `/CN=${name}`, '-keyout', at('key'), '-out', at('csr'), ...extensions])
  const sign = ['-CA', authority.certificate, '-CAkey', authority.key, '-CAcreateserial', '-days', String(days), '-copy_extensions', 'copy']
  await runOk('openssl', ['x509', '-req', '-in', at('csr'), '-out', at('crt'), ...sign])
  return { certificate: at('crt'), key: at('key'), ca: authority.certificate, caPem: await readFile(authority.certificate, 'utf8') }
}

async function selfSigned(paths: { certificate: string; key: string }): Promise<Certificate> {
  return { ...paths, ca: paths.certificate, caPem: await readFile(paths.certificate, 'utf8') }
}
