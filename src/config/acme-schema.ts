import { isIP } from 'node:net'
import { domainToASCII } from 'node:url'
import { z } from 'zod'
import { choice, flag, text, texts } from './values.ts'

/** `http.tls.letsencrypt`: Distribution's keys for an ACME server. */
export const letsencryptSchema = z.object({
  cachefile: text('Folder that keeps the ACME account and the certificate; unset, they are kept in lacre/state/acme below the volume.').optional(),
  email: text('Address that the ACME server may write to.').optional(),
  hosts: texts("Names that the certificate is ordered for; naming one turns ACME on, and agrees to the server's terms of service.", {
    type: 'a list of host names or addresses, without wildcards',
    accept: findHost,
  }).default([]),
  directoryurl: text("Directory of the ACME server; Let's Encrypt's when unset.", { type: 'an https URL', accept: findHttpsUrl }).optional(),
})

/** `lacre.acme`: what Distribution has no keys for. */
export const acmeSchema = z.object({
  challenge: choice('How the ACME server is shown that the names lead here: in the TLS handshake on port 443, or by a file on port 80.', [
    'tls-alpn-01',
    'http-01',
  ]).default('tls-alpn-01'),
  httpaddr: text('Address of the listener that answers http-01 and sends everybody else to HTTPS; the internet must reach it as port 80.').default(':80'),
  staging: flag("Whether Let's Encrypt's staging is used, whose certificates nobody trusts and whose limits are high.").default(false),
  cafile: text("PEM file with the authorities of the ACME server's own certificate, for a server that this machine does not trust.").optional(),
  eab: z
    .object({
      kid: text('Key identifier of an external account binding, for an ACME server that wants one.').optional(),
      hmackeyfile: text('File with the HMAC key of the binding, in base64url.').optional(),
    })
    .prefault({}),
})

function findHost(value: string): string | undefined {
  if (isIP(value) !== 0) return value
  const name = domainToASCII(value)
  return name !== '' && !/[*:/@]|(?:^|\.)\d+$/.test(name) ? name : undefined
}

function findHttpsUrl(value: string): string | undefined {
  return URL.parse(value)?.protocol === 'https:' ? value : undefined
}
