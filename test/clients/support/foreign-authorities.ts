import { cp, mkdir, readdir, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { runOk } from './command.ts'

/** `openssl ca` in a folder of its own, as easy-rsa wraps it; other programs keep the same files under other names. */
const CONFIGURATION = `
[ca]
default_ca = ours
[ours]
dir = .
database = index.txt
new_certs_dir = newcerts
serial = serial
crlnumber = crlnumber
certificate = cacert.pem
private_key = private/cakey.pem
default_md = sha256
default_days = 90
default_crl_days = 30
policy = any
copy_extensions = copy
[any]
commonName = supplied
[req]
distinguished_name = subject
[subject]
`

/** A CA of `openssl ca` with two servers and a client; the server `old.intranet` is revoked. */
export async function makeOpensslCa(folder: string, encryption: readonly string[] = []): Promise<void> {
  for (const name of ['newcerts', 'private', 'certs']) await mkdir(join(folder, name), { recursive: true })
  for (const [name, text] of [
    ['openssl.cnf', CONFIGURATION],
    ['index.txt', ''],
    ['serial', '01\n'],
    ['crlnumber', '01\n'],
  ] as const)
    await writeFile(join(folder, name), text)
  const openssl = (...args: string[]) => runOk('openssl', args, { cwd: folder })
  await openssl('genpkey', '-algorithm', 'RSA', '-pkeyopt', 'rsa_keygen_bits:2048', ...encryption, '-out', 'private/cakey.pem')
  const authority = ['-addext', 'basicConstraints=critical,CA:TRUE,pathlen:0', '-addext', 'keyUsage=critical,keyCertSign,cRLSign']
  await openssl(
    'req',
    '-config',
    'openssl.cnf',
    '-x509',
    '-new',
    '-key',
    'private/cakey.pem',
    '-passin',
    'pass:right',
    '-days',
    '365',
    '-subj',
    '/CN=Their CA',
    ...authority,
    '-out',
    'cacert.pem',
  )
  for (const [name, usage, names] of [
    ['registry.intranet', 'serverAuth', 'DNS:registry.intranet,IP:192.0.2.10'],
    ['old.intranet', 'serverAuth', 'DNS:old.intranet'],
    ['alice', 'clientAuth', 'DNS:alice'],
  ]) {
    const extensions = ['-addext', `subjectAltName=${names}`, '-addext', `extendedKeyUsage=${usage}`]
    await openssl(
      'req',
      '-config',
      'openssl.cnf',
      '-new',
      '-newkey',
      'rsa:2048',
      '-nodes',
      '-keyout',
      `private/${name}.key`,
      '-subj',
      `/CN=${name}`,
      ...extensions,
      '-out',
      `${name}.csr`,
    )
    await openssl('ca', '-batch', '-notext', '-config', 'openssl.cnf', '-passin', 'pass:right', '-in', `${name}.csr`, '-out', `certs/${name}.crt`)
  }
  await openssl('ca', '-config', 'openssl.cnf', '-passin', 'pass:right', '-revoke', 'certs/old.intranet.crt', '-crl_reason', 'keyCompromise')
  await openssl('ca', '-config', 'openssl.cnf', '-passin', 'pass:right', '-gencrl', '-out', 'crl.pem')
}

/** The same in easy-rsa's order: what was revoked lies apart. */
export async function makeEasyRsaPki(folder: string): Promise<void> {
  await makeOpensslCa(folder)
  for (const name of ['issued', 'certs_by_serial', 'revoked/certs_by_serial']) await mkdir(join(folder, name), { recursive: true })
  await rename(join(folder, 'cacert.pem'), join(folder, 'ca.crt'))
  await rename(join(folder, 'private/cakey.pem'), join(folder, 'private/ca.key'))
  for (const name of ['registry.intranet.crt', 'alice.crt']) await cp(join(folder, 'certs', name), join(folder, 'issued', name))
  await cp(join(folder, 'certs/old.intranet.crt'), join(folder, 'revoked/certs_by_serial/02.crt'))
  for (const name of ['certs', 'newcerts']) await rm(join(folder, name), { recursive: true })
}

/** certstrap's depot: everything flat, spaces as `_`, a revocation list for each CA; nothing tells what was issued. */
export async function makeCertstrapDepot(folder: string): Promise<void> {
  const made = join(folder, '../certstrap-made')
  await makeOpensslCa(made)
  await mkdir(folder)
  await runOk('openssl', [
    'rsa',
    '-des3',
    '-traditional',
    '-passout',
    'pass:right',
    '-in',
    join(made, 'private/cakey.pem'),
    '-out',
    join(folder, 'Their_CA.key'),
  ])
  await cp(join(made, 'cacert.pem'), join(folder, 'Their_CA.crt'))
  await cp(join(made, 'crl.pem'), join(folder, 'Their_CA.crl'))
  for (const name of await readdir(join(made, 'certs'))) await cp(join(made, 'certs', name), join(folder, name))
}

/** mkcert keeps the CA and nothing that it has issued. */
export async function makeMkcertRoot(folder: string): Promise<void> {
  const made = join(folder, '../mkcert-made')
  await makeOpensslCa(made)
  await mkdir(folder)
  await cp(join(made, 'cacert.pem'), join(folder, 'rootCA.pem'))
  await cp(join(made, 'private/cakey.pem'), join(folder, 'rootCA-key.pem'))
}

/** As the document on dockerd's own TLS has it: ca.pem without a key usage, beside what it has signed. */
export async function makeDocumentedFolder(folder: string): Promise<void> {
  await mkdir(folder)
  const openssl = (...args: string[]) => runOk('openssl', args, { cwd: folder })
  await openssl('genpkey', '-algorithm', 'RSA', '-aes-256-cbc', '-pass', 'pass:right', '-pkeyopt', 'rsa_keygen_bits:2048', '-out', 'ca-key.pem')
  await openssl('req', '-new', '-x509', '-days', '365', '-key', 'ca-key.pem', '-passin', 'pass:right', '-sha256', '-subj', '/CN=Their CA', '-out', 'ca.pem')
  await openssl('genpkey', '-algorithm', 'RSA', '-pkeyopt', 'rsa_keygen_bits:2048', '-out', 'server-key.pem')
  await openssl('req', '-subj', '/CN=localhost', '-sha256', '-new', '-key', 'server-key.pem', '-out', 'server.csr')
  await writeFile(join(folder, 'extfile.cnf'), 'subjectAltName = IP:192.168.1.20,IP:127.0.0.1\n')
  const signer = ['-CA', 'ca.pem', '-CAkey', 'ca-key.pem', '-passin', 'pass:right', '-CAcreateserial']
  await openssl('x509', '-req', '-days', '365', '-sha256', '-in', 'server.csr', ...signer, '-out', 'server-cert.pem', '-extfile', 'extfile.cnf')
}
