import { readFileSync } from 'node:fs'
import type { IncomingMessage } from 'node:http'
import { request as plainRequest } from 'node:http'
import { request as secureRequest } from 'node:https'
import type { Command } from 'commander'
import { readHiddenLine, readLines } from './password-input.ts'

export interface RemoteOptions {
  readonly server?: string
  readonly user?: string
  readonly passwordStdin?: boolean
  readonly ca?: string
}

const ANSWER_LIMIT = 16 * 1024 * 1024

/** A server far away did not answer as a registry does. */
class RemoteError extends Error {
  readonly hint: string

  constructor(message: string, hint: string) {
    super(message)
    this.name = 'RemoteError'
    this.hint = hint
  }
}

export function withRemote(command: Command): Command {
  return command
    .option('--server <url>', 'ask a server instead of a volume, for example https://registry.intranet:5000')
    .option('--user <name>', 'log in as this user; the password is asked for')
    .option('--password-stdin', 'read the password from standard input')
    .option('--ca <file>', "certificate of the server's authority")
}

/** The catalog of a server, all pages of it. */
export function listRemoteRepositories(options: RemoteOptions): AsyncGenerator<string> {
  return pages(options, '/v2/_catalog?n=1000', 'repositories')
}

/** A repository's tags on a server, all pages of them. */
export function listRemoteTags(options: RemoteOptions, repository: string): AsyncGenerator<string> {
  return pages(options, `/v2/${repository}/tags/list?n=1000`, 'tags')
}

async function* pages(options: RemoteOptions, first: string, key: string): AsyncGenerator<string> {
  const authorization = await readAuthorization(options)
  for (let path: string | undefined = first; path; ) {
    const { body, link }: { body: string; link: string | undefined } = await get(options, path, authorization)
    yield* (JSON.parse(body) as Record<string, string[] | null>)[key] ?? []
    path = /<([^>]+)>;\s*rel="?next/.exec(link ?? '')?.[1]
  }
}

async function readAuthorization({ user, passwordStdin }: RemoteOptions): Promise<string | undefined> {
  if (!user) return undefined
  const password = passwordStdin ? (await readLines(process.stdin))[0] : await readHiddenLine(`Password of ${user}: `, process)
  if (password === undefined) throw new RemoteError('no password was given', 'type it, or pipe it in with --password-stdin')
  return `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`
}

async function get({ server = '', ca }: RemoteOptions, path: string, authorization: string | undefined): Promise<{ body: string; link: string | undefined }> {
  const url = URL.canParse(path, server) ? new URL(path, server) : undefined
  if (url?.protocol !== 'https:' && url?.protocol !== 'http:')
    throw new RemoteError(`${server} is no URL of a server`, 'for example --server https://registry.intranet:5000')
  const response = await send(url, { ...(ca ? { ca: readFileSync(ca) } : {}), headers: authorization ? { Authorization: authorization } : {} })
  const body = await read(response)
  if (response.statusCode === 200) return { body, link: [response.headers['link']].flat()[0] }
  if (response.statusCode === 401) throw new RemoteError(`${url.host} wants a user and a password, and not these`, 'use --user NAME')
  throw new RemoteError(`${url.host} answered ${response.statusCode} to ${url.pathname}`, body.slice(0, 200) || 'look at its log')
}

function send(url: URL, options: object): Promise<IncomingMessage> {
  const request = url.protocol === 'https:' ? secureRequest : plainRequest
  return new Promise((resolve, reject) => {
    const failed = (cause: Error) =>
      reject(new RemoteError(`cannot reach ${url.origin}: ${cause.message}`, 'check the URL; a certificate of your own authority needs --ca FILE'))
    request(url, options, resolve).once('error', failed).end()
  })
}

async function read(response: IncomingMessage): Promise<string> {
  let text = ''
  for await (const chunk of response.setEncoding('utf8')) {
    text += chunk
    if (text.length > ANSWER_LIMIT) throw new RemoteError('the answer is too long for a list', 'is this a registry?')
  }
  return text
}
