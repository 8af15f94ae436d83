/** The whole answer to a request that came without TLS: JSON for the registry's API, which its clients show, else text. */
export function formatPlainHttpAnswer(head: string): string {
  const [, method = '', target = ''] = /^([A-Z]+) (\S*)/.exec(head) ?? []
  const url = findUrl(head, target)
  const message = `client sent an HTTP request to an HTTPS server: use ${url ?? 'https:// with the same host and port'}`
  const isApi = /^\/v2(?:[/?]|$)/.test(target)
  const body = isApi ? `${JSON.stringify({ errors: [{ code: 'UNSUPPORTED', message, ...(url && { detail: { url } }) }] })}\n` : `${message}\n`
  const headers = [
    'HTTP/1.1 400 Bad Request',
    `Content-Type: ${isApi ? 'application/json' : 'text/plain; charset=utf-8'}`,
    `Content-Length: ${body.length}`,
    'X-Content-Type-Options: nosniff',
    'Connection: close',
  ]
  return `${headers.join('\r\n')}\r\n\r\n${method === 'HEAD' ? '' : body}`
}

const HOST = /^(?:\[[0-9a-fA-F:.]+\]|[A-Za-z0-9](?:[A-Za-z0-9._-]{0,252}[A-Za-z0-9])?)(?::[0-9]{1,5})?$/
const PATH = /^\/[A-Za-z0-9/._~:@%+-]{0,1023}$/

function findUrl(head: string, target: string): string | undefined {
  const host = /\nhost:[ \t]*(\S+)[ \t]*\r?\n/i.exec(head)?.[1]
  if (!host || !HOST.test(host)) return undefined
  const path = target.split('?')[0] ?? ''
  const port = /:[0-9]+$/.test(host) ? '' : ':80' // a client that names no port went to HTTP's own, and came here
  return `https://${host}${port}${PATH.test(path) ? path : '/'}`
}
