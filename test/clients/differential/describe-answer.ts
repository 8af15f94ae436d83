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

/** Fields that say nothing more once outcomes differ. */
const FOLLOWING = /^(?!outcome|docker-distribution-api-version|x-content-type-options)/

interface ErrorBody {
  readonly errors: readonly { readonly code: string; readonly message: string; readonly detail?: unknown }[]
}

/** The outcome (status and error codes), the headers that clients read, and the body: errors by message and detail, others by text or digest. */
export function describeAnswer(answer: Answer): Described {
  const errors = answer.status >= 400 ? errorsOf(answer.body.toString()) : undefined
  const described: Record<string, string> = { outcome: [answer.status, ...(errors?.map(({ code }) => code) ?? [])].join(' ') }
  for (const name of HEADERS) {
    const value = answer.headers[name]
    if (value !== undefined) described[name] = withoutRandom(String(value))
  }
  if (!errors) return { ...described, ...describeBody(answer) }

  delete described['content-length'] // @NOTE an error's length follows from its message and detail, which are compared
  described['message'] = errors.map(({ message }) => message).join(' | ')
  described['detail'] = errors.map(({ detail }) => withoutRandom(JSON.stringify(detail ?? null))).join(' | ')
  return described
}

/** The fields in which two answers differ; of answers that end otherwise, the outcome alone. */
export function differingFields(theirs: Described, ours: Described): string[] {
  const fields = [...new Set([...Object.keys(theirs), ...Object.keys(ours)])].filter((field) => theirs[field] !== ours[field])
  return theirs['outcome'] === ours['outcome'] ? fields : fields.filter((field) => !FOLLOWING.test(field))
}

function errorsOf(text: string): ErrorBody['errors'] | undefined {
  try {
    return (JSON.parse(text) as Partial<ErrorBody>).errors
  } catch {
    return undefined // plain text and empty bodies are compared as they are
  }
}

/** Text as it is, long bodies by their digest, lists sorted and their order beside them. */
function describeBody({ body, isCut }: Answer): Described {
  if (isCut) return { body: 'cut short' }
  const list = /^\{(?:"name":"[^"]*",)?"(?:tags|repositories)":(\[.*\])\}$/.exec(body.toString().trim())?.[1]
  if (!list) return { body: body.length > 200 ? digestOf(body) : body.toString().trim() }
  return {
    body: body
      .toString()
      .trim()
      .replace(list, JSON.stringify((JSON.parse(list) as string[]).toSorted())),
    order: list,
  }
}

function withoutRandom(text: string): string {
  return text
    .replace(/127\.0\.0\.1:\d+/, 'HOST')
    .replace(/([?&])_state=[^&]*/, '$1_state')
    .replace(/\?_state$/, '')
    .replace(/[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/g, 'UUID')
}
