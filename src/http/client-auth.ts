import { CertificateError } from '../pki/certificate-error.ts'

/**
 * Distribution's modes. What each asks of clients: `needs` a certificate at all, and `verifies` the one that is shown.
 *
 * @see Distribution configuration/configuration.go, ClientAuth
 */
export const clientAuths = {
  'no-client-cert': { needs: false, verifies: false },
  'request-client-cert': { needs: false, verifies: false },
  'require-any-client-cert': { needs: true, verifies: false },
  'verify-client-cert-if-given': { needs: false, verifies: true },
  'require-and-verify-client-cert': { needs: true, verifies: true },
} as const

export type ClientAuth = keyof typeof clientAuths

const CONFIGURABLE = (Object.keys(clientAuths) as ClientAuth[]).slice(1)

/** @throws CertificateError for a mode that Distribution would refuse. */
export function parseClientAuth({ clientauth, clientcas = [] }: { clientauth?: string | undefined; clientcas?: readonly string[] | undefined }): ClientAuth {
  if (!clientauth) return clientcas.length > 0 ? 'require-and-verify-client-cert' : 'no-client-cert'
  const known = CONFIGURABLE.find((name) => name === clientauth)
  if (!known) throw new CertificateError(`http.tls.clientauth: unknown mode ${JSON.stringify(clientauth)}`, { hint: `use one of ${CONFIGURABLE.join(', ')}` })
  return known
}
