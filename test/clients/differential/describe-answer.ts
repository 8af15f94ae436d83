import { type Answer, digestOf } from '../support/registry-client.ts'

/** An answer as far as clients depend on it: field → text. */
export type Described = Readonly<Record<string, string>>

const HEADERS = [
  'accept-ranges',
  'allow',
  'cache-control',
  'content-length',
  'content-range',
  'content-type',
  'docker-content-digest',
  'docker-distribution-api-version',
  'docker-upload-uuid',
  'etag',
  'link',
  'location',
  'oci-filters-applied',
  'oci-subject',
  'range',
  'www-authenticate',
  'x-content-type-options',
]

interface ErrorBody {
  readonly errors: readonly { readonly code: string; readonly message: string; readonly detail?: unknown }[]
}

/** The status, the headers that clients read, and the body: errors by code, message and detail, other bodies by their text or digest. */
export function describeAnswer(answer: Answer): Described {
  const described: Record<string, string> = { status: String(answer.status) }
  for (const name of HEADERS) {
    const value = answer.headers[name]
    if (value !== undefined) described[name] = withoutRandom(String(value))
  }
  const errors = answer.status >= 400 ? errorsOf(answer.body.toString()) : undefined
  if (!errors) return { ...described, body: bodyText(answer) }

  delete described['content-length'] // @NOTE an error's length follows from its message and detail, which are compared
  described['code'] = errors.map(({ code }) => code).join(' ')
  described['message'] = errors.map(({ message }) => message).join(' | ')
  described['detail'] = errors.map(({ detail }) => withoutRandom(JSON.stringify(detail ?? null))).join(' | ')
  return described
}

function errorsOf(text: string): ErrorBody['errors'] | undefined {
  try {
    return (JSON.parse(text) as Partial<ErrorBody>).errors
  } catch {
    return undefined // plain text and empty bodies are compared as they are
  }
}

function bodyText({ body, isCut }: Answer): string {
  if (isCut) return 'cut short'
  return body.length > 200 ? digestOf(body) : body.toString().trim()
}

function withoutRandom(text: string): string {
  return text
    .replace(/https?:\/\/[^/]+/, '')
    .replace(/([?&])_state=[^&]*/, '$1_state')
    .replace(/\?_state$/, '')
    .replace(/[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/g, 'UUID')
}
