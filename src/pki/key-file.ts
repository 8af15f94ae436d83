import { createCipheriv, createPrivateKey, type KeyObject, randomBytes, type ScryptOptions, scrypt } from 'node:crypto'
import { promisify } from 'node:util'
import { CertificateError } from './certificate-error.ts'
import { integer, objectIdentifier, octetString, readDer, sequence } from './der.ts'
import { isEncrypted, isPrivateKey, type PemBlock, readPem } from './pem.ts'

/** Tells the passphrase of a key. Without one, on the first attempt or a later one, reading ends there. */
export type AskPassphrase = (path: string, attempt: number) => Promise<string | undefined>

const ATTEMPTS = 3

/** A private key as PKCS#8 PEM, encrypted when there is a passphrase: `openssl pkey -passin` reads it. */
export async function formatKey(key: KeyObject, passphrase?: string): Promise<string> {
  const der = key.export({ type: 'pkcs8', format: 'der' })
  return passphrase === undefined ? formatPem('PRIVATE KEY', der) : formatPem('ENCRYPTED PRIVATE KEY', await encrypt(der, passphrase))
}

/**
 * Reads the first private key of a file: PKCS#1, SEC1 or PKCS#8, plain or encrypted, as openssl, certstrap and easy-rsa write them.
 *
 * @throws CertificateError if there is none, it is damaged, or its passphrase is not told in three attempts.
 */
export async function readKeyFile(path: string, askPassphrase: AskPassphrase = nobodyKnows): Promise<KeyObject> {
  const block = (await readPem(path, 'private key')).find(isPrivateKey)
  if (!block) throw new CertificateError(`${path} holds no whole private key in PEM`, { hint: keyHint(path) })
  if (!isEncrypted(block)) return parsePlain(block, path)
  if (block.label === 'ENCRYPTED PRIVATE KEY' && !isWhole(block)) throw damaged(path)
  return decrypt(block, path, askPassphrase)
}

const nobodyKnows: AskPassphrase = async () => undefined

// Node writes PBKDF2 with 2,048 rounds. What OWASP holds equal to scrypt N=2^17, p=1, within the 32 MiB that OpenSSL reads.
const COST = { N: 2 ** 14, r: 8, p: 5 }
const KEY_LENGTH = 32
const BLOCK_LENGTH = 16

/** PBES2 of RFC 8018, 6.2, with scrypt of RFC 7914, 7, and AES-256-CBC. */
async function encrypt(der: Buffer, passphrase: string): Promise<Buffer> {
  const [salt, iv] = [randomBytes(16), randomBytes(BLOCK_LENGTH)]
  const key = await derive(passphrase, salt, KEY_LENGTH, COST)
  const cipher = createCipheriv('aes-256-cbc', key, iv)
  const encrypted = Buffer.concat([cipher.update(der), cipher.final()])

  const numbers = [COST.N, COST.r, COST.p, KEY_LENGTH].map((number) => integer(number.toString(16)))
  const derivation = sequence(objectIdentifier('1.3.6.1.4.1.11591.4.11'), sequence(octetString(salt), ...numbers))
  const encryption = sequence(objectIdentifier('2.16.840.1.101.3.4.1.42'), octetString(iv))
  return sequence(sequence(objectIdentifier('1.2.840.113549.1.5.13'), sequence(derivation, encryption)), octetString(encrypted))
}

const derive = promisify<string, Buffer, number, ScryptOptions, Buffer>(scrypt)

function formatPem(label: string, der: Buffer): string {
  const lines = der.toString('base64').replace(/.{64}(?=.)/g, '$&\n')
  return `-----BEGIN ${label}-----\n${lines}\n-----END ${label}-----\n`
}

async function decrypt(block: PemBlock, path: string, askPassphrase: AskPassphrase): Promise<KeyObject> {
  for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
    const passphrase = await askPassphrase(path, attempt)
    if (passphrase === undefined) throw attempt === 1 ? untold(path) : wrong(path)
    const key = findKey(block, passphrase)
    if (key) return key
  }
  throw wrong(path)
}

/** The key, if this is its passphrase. A wrong one shows in many ways: bad padding, or bytes that are no key. */
function findKey(block: PemBlock, passphrase: string): KeyObject | undefined {
  try {
    return createPrivateKey({ key: block.text, passphrase })
  } catch {
    return undefined
  }
}

function parsePlain(block: PemBlock, path: string): KeyObject {
  try {
    return createPrivateKey(block.text)
  } catch (cause) {
    throw damaged(path, cause)
  }
}

function isWhole(block: PemBlock): boolean {
  const der = Buffer.from(block.text.replace(/-----.*-----/g, ''), 'base64')
  try {
    return readDer(der).raw.length === der.length
  } catch {
    return false
  }
}

function damaged(path: string, cause?: unknown): CertificateError {
  return new CertificateError(`the private key in ${path} cannot be parsed: it is damaged, cut short, or of an unknown kind`, {
    hint: `look at it with: openssl pkey -noout -text -in ${path}; restore it from where it came from`,
    cause,
  })
}

function untold(path: string): CertificateError {
  return new CertificateError(`the private key ${path} is encrypted, and nobody told its passphrase`, {
    hint: 'give --passphrase-file FILE or --passphrase-env VARIABLE, or run the command on a terminal, where it asks',
  })
}

function wrong(path: string): CertificateError {
  return new CertificateError(`the passphrase for ${path} is wrong`, {
    hint: `nothing was changed; try it with: openssl pkey -noout -in ${path}. Without the right one the key is lost, and its certificate must be made anew`,
  })
}

function keyHint(path: string): string {
  return `give a file that begins with -----BEGIN … PRIVATE KEY----- and has its END line; from DER: openssl pkey -inform DER -in ${path} -out key.pem`
}
