/** Where lacre answers otherwise than docker-registry 2.8, and why. */
export interface Difference {
  /** Which requests; they are written `setting, scenario: METHOD path (Header: value) #repetition`. */
  readonly at: RegExp
  readonly field: string | RegExp
  /** What each answers, `nothing` when it does not; anything when not given. */
  readonly theirs?: string | RegExp
  readonly ours?: string | RegExp
  readonly why: string
}

const DIGEST_FIELDS = /^(docker-content-digest|etag|location)$/

/** Headers and bodies of answers that end alike. */
const forms: readonly Difference[] = [
  { at: /./, field: 'content-type', theirs: 'application/json; charset=utf-8', ours: 'application/json', why: 'as in 3.x: JSON has no charset' },
  { at: / GET \/$/, field: /^(docker-distribution-api-version|x-content-type-options)$/, theirs: 'nothing', why: 'lacre says both always' },
  { at: /, names: /, field: 'x-content-type-options', theirs: 'nothing', ours: 'nosniff', why: 'lacre says it always' },
  { at: /./, field: 'detail', theirs: /^(null|\{.*)$/, ours: /^["{]/, why: "theirs are Go's structures, or nothing; ours name what was asked, or the reason" },
  { at: /, uploads: PUT .*sha256:short$/, field: 'detail', theirs: '"digest parsing failed"', why: 'ours names the digest' },
  { at: /HEAD/, field: 'content-length', why: "the length of an error's body, which has another detail" },
  { at: /If-None-Match/, field: 'accept-ranges', theirs: 'nothing', ours: 'bytes', why: 'true of a 304 as well' },
  {
    at: /, uploads: (PUT|HEAD) .*layer\.512/,
    field: DIGEST_FIELDS,
    theirs: /sha256:/,
    ours: /sha512:/,
    why: 'lacre keeps a sha512 digest; 2.8 makes it an alias',
  },
  { at: /PUT .*\/(signature|orphan)$/, field: 'oci-subject', theirs: 'nothing', why: 'lacre has referrers' },
]

const settings: readonly Difference[] = [
  { at: /https,http/, field: 'location', theirs: /^https,http:/, ours: /^https:/, why: 'a defect of 2.8: a list of two protocols is none' },
  { at: /^read-only, /, field: 'outcome', theirs: '405', ours: '405 UNSUPPORTED', why: 'the error is JSON, as the specification has it' },
  { at: /^read-only, .*uploads\/0d1c/, field: 'outcome', theirs: /^404/, ours: '405 UNSUPPORTED', why: 'there can be no uploads' },
  { at: /^no deletion, .* DELETE/, field: 'allow', theirs: 'nothing', why: 'RFC 9110: a 405 says what is allowed' },
]

const lists: readonly Difference[] = [
  { at: /tags\/list/, field: 'order', why: 'tags in lexical order; 2.8 has them in no order' },
  { at: /_catalog/, field: 'order', why: 'lexical order; in 2.8 a slash comes before every other character' },
  { at: /_catalog\?n=[234]/, field: /^(body|content-length|link)$/, why: 'so a page has others' },
  { at: /zx\/tags\/list$/, field: /^(body|content-length)$/, theirs: /"tags":null|^\d+$/, why: 'as in 3.x: a repository without tags lists []' },
  { at: /tags\/list\?n=[02]/, field: /^(body|content-length|link)$/, why: '2.8 has no pages of tags' },
  { at: /, deletion: .*list #2$/, field: /^(body|content-length)$/, ours: /"tags":\["v1"\]|^\d+$/, why: 'without the tag that lacre deleted' },
  { at: /, refused: .*list$/, field: /^(body|content-length)$/, why: 'what lacre refuses and what it takes, as listed below' },
  { at: /n=(-1|abc)$/, field: 'outcome', theirs: '200', ours: '400 PAGINATION_NUMBER_INVALID', why: 'as in 3.x: a bad number is refused' },
]

const protocol: readonly Difference[] = [
  { at: /, base: (POST|DELETE) \/v2\/$/, field: 'outcome', theirs: '200', ours: '405 UNSUPPORTED', why: 'only GET and HEAD mean something there' },
  { at: /, base: /, field: 'outcome', theirs: '405', ours: '405 UNSUPPORTED', why: 'the error is JSON, as the specification has it' },
  { at: /DELETE .*uploads\/$/, field: 'outcome', theirs: '404 BLOB_UPLOAD_UNKNOWN', ours: '405 UNSUPPORTED', why: 'no upload is named' },
  { at: /bytes=(?:900-999|6-2)/, field: 'outcome', theirs: '416', ours: '416 RANGE_INVALID', why: 'the error is JSON, and whole: 2.8 breaks off in it' },
  { at: /lines=1-2/, field: 'outcome', theirs: '416', ours: '200', why: 'RFC 9110: a range in an unknown unit is ignored' },
  { at: /HEAD .*bytes=2-6/, field: 'outcome', theirs: '206', ours: '200', why: 'RFC 9110: a range means something in a GET only' },
  { at: /Content-Range: (5-15|99-108)/, field: 'outcome', theirs: '202', ours: '416 RANGE_INVALID', why: 'a chunk out of order; 2.8 writes it anywhere' },
  { at: /PATCH \{typed\}/, field: 'outcome', theirs: '500 UNKNOWN', ours: '202', why: 'bytes are bytes under any Content-Type' },
  { at: /, uploads: /, field: 'outcome', theirs: '404 BLOB_UPLOAD_INVALID', ours: '404 BLOB_UPLOAD_UNKNOWN', why: 'lacre needs no _state to look' },
  { at: /, uploads: PUT .*UUID|, uploads: PUT .*0d1c/, field: 'outcome', ours: '400 DIGEST_INVALID', why: 'the digest is missing; 2.8 looks at _state first' },
  { at: /uploads\/\?digest=/, field: 'outcome', theirs: '202', ours: '201', why: 'an upload in one request' },
  { at: /, uploads: HEAD .*\{other\} #2$/, field: 'outcome', theirs: '404', ours: '200', why: 'which was an upload in one request' },
  { at: /mount=sha256:short/, field: 'outcome', theirs: '202', ours: '400 DIGEST_INVALID', why: 'a digest that cannot be is refused' },
  { at: /mount=\{config\}$/, field: 'outcome', theirs: '202', ours: '201', why: 'a mount that names no source' },
  { at: /referrers/, field: 'outcome', theirs: '404', ours: '200', why: 'lacre has referrers' },
]

const manifests: readonly Difference[] = [
  { at: /, manifests: GET .*v1/, field: 'outcome', theirs: '404 MANIFEST_UNKNOWN', ours: '200', why: 'no Accept, or */*, takes the manifest as it is' },
  { at: /, manifests: GET .*docker/, field: 'outcome', theirs: '400 MANIFEST_INVALID', ours: '200', why: 'the same; 2.8 tries to make schema 1 of it' },
  { at: /, manifests: PUT .*v1 #3$/, field: 'outcome', ours: '400 MANIFEST_BLOB_UNKNOWN MANIFEST_BLOB_UNKNOWN', why: 'each missing blob is named once' },
  {
    at: /PUT .*\/(foreign|urls)$/,
    field: 'outcome',
    theirs: /^500/,
    ours: '201',
    why: 'the specification allows urls; 2.8 refuses those that no setting allows',
  },
  { at: /PUT .*\/nondistributable$/, field: 'outcome', theirs: /^400/, ours: '201', why: 'layers that are not to be pushed need not be there' },
  { at: /PUT .*\/(schema3|noConfig|badDigest)$/, field: 'outcome', ours: '400 MANIFEST_INVALID', why: 'it is the manifest that is wrong' },
  { at: /PUT .*\/(unknownType|untyped)$/, field: 'outcome', theirs: '400 MANIFEST_INVALID', ours: '201', why: 'any media type, and it is read from the bytes' },
  { at: /PUT .*\/duplicateKeys$/, field: 'outcome', theirs: '201', ours: '400 MANIFEST_INVALID', why: 'two readers could read two manifests' },
  { at: /PUT .*\/huge$/, field: 'outcome', theirs: '400 MANIFEST_INVALID', ours: '413 MANIFEST_INVALID', why: 'too large is not malformed' },
  {
    at: /, (presence: GET .*(presence|twofold)\/manifests\/\{plain\} #2|presence: HEAD .*(presence|twofold)\/blobs\/\{plain\}|presence: PUT .*presence\/manifests\/index #2)$/,
    field: 'outcome',
    ours: /^20/,
    why: 'a manifest that another one here uses as its layer stays as that layer when it is deleted; 2.8 breaks the other one',
  },
  { at: /DELETE .*\/none$/, field: 'outcome', theirs: '400 DIGEST_INVALID', ours: '404 MANIFEST_UNKNOWN', why: 'tags can be deleted' },
  { at: /DELETE .*\/bare$/, field: 'outcome', theirs: '400 DIGEST_INVALID', ours: '202', why: 'tags can be deleted' },
  { at: /HEAD .*manifests\/bare$/, field: 'outcome', theirs: '200', ours: '404', why: 'which was deleted' },
]

const names: readonly Difference[] = [
  { at: /blobs\/latest$/, field: 'outcome', theirs: '404', ours: '400 DIGEST_INVALID', why: 'not a path that is unknown, but a digest that is wrong' },
  { at: /, names: /, field: 'outcome', theirs: '404', ours: /^400 (NAME|TAG)_INVALID$/, why: 'not a path that is unknown, but a name that is wrong' },
  { at: /, names: .*(a\/\/b|\.\.)/, field: 'outcome', theirs: '301', ours: '400 NAME_INVALID', why: 'a name is refused, not corrected' },
  { at: /a%2Fb/, field: 'outcome', theirs: '404 NAME_UNKNOWN', ours: '400 NAME_INVALID', why: 'a name has no escapes' },
  { at: /host:5000/, field: 'outcome', theirs: '500 UNKNOWN', ours: '404 NAME_UNKNOWN', why: 'a defect of 2.8' },
  { at: /a{256}/, field: 'outcome', theirs: '500 UNKNOWN', ours: '400 NAME_INVALID', why: 'a defect of 2.8' },
  { at: /manifests\/(a:b|sha256:short)$/, field: 'outcome', theirs: '500 UNKNOWN', ours: '400 DIGEST_INVALID', why: 'a defect of 2.8' },
]

export const differences: readonly Difference[] = [...forms, ...settings, ...lists, ...protocol, ...manifests, ...names]
