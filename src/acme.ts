import { statSync } from 'node:fs'
import { join } from 'node:path'
import type { Logger } from 'pino'
import type { Config } from './config/schema.ts'
import { ChallengeListener } from './http/challenge-listener.ts'
import type { Metrics } from './observability/metrics.ts'
import { AcmeCertificate, type AcmeReport, type AcmeSettings } from './pki/acme/acme-certificate.ts'
import { readBinding } from './pki/acme/binding.ts'
import type { ChallengeAnswers } from './pki/acme/challenge-answers.ts'
import type { CertificateFiles, Problem } from './pki/certificate-problems.ts'
import { parseCertificateNames } from './pki/names.ts'
import { readText } from './pki/pem.ts'
import { STATE } from './volume/layout.ts'
import { actAs, type Owner } from './volume/owner.ts'

interface Edge {
  readonly log: Logger
  readonly metrics: Metrics
}

/** A server's certificate that an ACME server issues. */
export interface Acme extends AsyncDisposable {
  readonly files: CertificateFiles
  /** Where they come as TLS handshakes. */
  readonly challenges: ChallengeAnswers | undefined
  problems(): Problem[]
  /** Listens for http-01, where that is the challenge; `port` is that of HTTPS. @throws ListenError */
  listen(port: number | undefined): Promise<void>
  /** Looks after the certificate from now on; `reload` is called when there is another. */
  start(reload: () => Promise<void>): void
}

const LETS_ENCRYPT = 'https://acme-v02.api.letsencrypt.org/directory'
const LETS_ENCRYPT_STAGING = 'https://acme-staging-v02.api.letsencrypt.org/directory'

/**
 * Opens what a configuration says of ACME. The files are the owner's, who renews them later; what only root may read is read now.
 *
 * @throws CertificateError if a file cannot be read or made.
 */
export async function openAcme(config: Config, edge: Edge, owner: Owner | undefined): Promise<Acme> {
  const settings = await acmeSettings(config, edge.log)
  let reload = async (): Promise<void> => undefined
  const certificate = new AcmeCertificate(
    settings,
    report(edge, settings, () => reload()),
  )
  actAs(owner)
  await certificate.open().finally(() => actAs(undefined))
  const hosts = settings.names.map(({ value }) => value)
  if (certificate.isStandIn) edge.log.warn(`a certificate that nobody signed is served until ${settings.directoryUrl} has issued one for ${hosts.join(', ')}`)
  for (const { id, sentence, remedy } of certificate.problems()) if (id === 'acme-failed') edge.log.warn({ remedy }, sentence)
  let listener: ChallengeListener | undefined
  return {
    files: { certificate: certificate.path, key: certificate.path },
    challenges: settings.challenge === 'tls-alpn-01' ? certificate.answers : undefined,
    problems: () => certificate.problems(),
    async listen(port) {
      if (settings.challenge !== 'http-01') return
      const isOurs = (host: string): boolean => hosts.includes(host.replace(/^\[|\]$/g, ''))
      const findOrigin = (host: string): string | undefined => (isOurs(host) ? originOf(config, host, port) : undefined)
      listener = new ChallengeListener({ addr: config.lacre.acme.httpaddr, answers: certificate.answers, findOrigin })
      await listener.listen()
      edge.log.info(`answering ACME challenges on ${listener.address}`)
    },
    start(then) {
      reload = then
      certificate.start()
    },
    async [Symbol.asyncDispose]() {
      await Promise.all([certificate[Symbol.asyncDispose](), listener?.[Symbol.asyncDispose]()])
    },
  }
}

function originOf({ http }: Config, host: string, port: number | undefined): string {
  return http.host ?? `https://${host}${port === undefined || port === 443 ? '' : `:${port}`}`
}

async function acmeSettings(config: Config, log: Logger): Promise<AcmeSettings> {
  const { email, hosts, directoryurl } = config.http.tls.letsencrypt
  const { challenge, staging, cafile, eab } = config.lacre.acme
  const directoryUrl = directoryurl ?? (staging ? LETS_ENCRYPT_STAGING : LETS_ENCRYPT)
  const folder = findFolder(config, log)
  return {
    directoryUrl,
    names: parseCertificateNames(hosts),
    challenge,
    email: email || undefined,
    binding: eab.kid && eab.hmackeyfile ? await readBinding(eab.kid, eab.hmackeyfile) : undefined,
    authorities: cafile ? await readText(cafile, "file of the ACME server's authorities") : undefined,
    former: join(folder, hosts[0] ?? ''), // as registry:3 has kept it: golang.org/x/crypto/acme/autocert, DirCache
    folder: join(folder, directoryUrl.replace(/^https:\/\//, '').replaceAll(/[^\w.-]+/g, '_')),
  }
}

/** As in Distribution 3 `cachefile` is a folder; that of 2.8 is a file, of a library whose certificates are over. */
function findFolder({ http, storage }: Config, log: Logger): string {
  const ours = join(storage.filesystem.rootdirectory, STATE, 'acme')
  const { cachefile } = http.tls.letsencrypt
  if (!cachefile) return ours
  if (!statSync(cachefile, { throwIfNoEntry: false })?.isFile()) return cachefile
  log.warn(`${cachefile} is a file, as registry:2 kept it, and is not used: the ACME account and certificate are kept in ${ours}`)
  return ours
}

function report({ log, metrics }: Edge, { directoryUrl }: AcmeSettings, reload: () => Promise<void>): AcmeReport {
  return {
    async issued({ notAfter, renewAt }) {
      metrics.acmeOrders.inc({ outcome: 'issued' })
      metrics.acmeFailure.set(0)
      log.info({ notAfter: notAfter.toISOString(), renewAt: renewAt.toISOString() }, `${directoryUrl} has issued the certificate`)
      await reload()
    },
    failed(error: Error & { hint?: string }, { retryAt }) {
      metrics.acmeOrders.inc({ outcome: 'failed' })
      metrics.acmeFailure.set(Date.now() / 1000)
      log.error({ remedy: error.hint, retryAt: retryAt.toISOString(), ...(error.hint === undefined && { err: error }) }, error.message)
    },
  }
}
