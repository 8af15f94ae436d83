import type { X509Certificate } from 'node:crypto'
import { certificateNames, readSubject } from './certificate-parts.ts'
import { findAttribute } from './distinguished-name.ts'
import { type CertificateName, parseCertificateNames } from './names.ts'
import { type Meeting, type RuleId, rules, type Verifier } from './verdict-rules.ts'

/** What one kind of client makes of a server's certificate. */
export interface Verdict {
  readonly verifier: Verifier
  /** Who they are, for people. */
  readonly programs: string
  /** Why they refuse, in their own words; absent when they accept. */
  readonly refusal?: string
}

export interface Judgement {
  /** The host that was asked for. */
  readonly host: string
  readonly verdicts: readonly Verdict[]
  /** What is wrong, and why some accept it nevertheless. */
  readonly reasons: readonly string[]
}

export interface JudgementOptions {
  /** What clients ask for; without it the certificate's own first name. */
  readonly host?: string
  /** What clients trust; without it, whatever the chain leads to. */
  readonly trusted?: readonly X509Certificate[]
  readonly now?: number
}

/** Each verifier, and the order in which it looks at things: its first complaint is what people see. */
const verifiers: readonly { readonly verifier: Verifier; readonly programs: string; readonly order: readonly RuleId[] }[] = [
  {
    verifier: 'go',
    programs: 'Go (docker, containerd, podman, kubelet, helm)',
    order: ['shortKey', 'time', 'commonName', 'name', 'authority', 'weakDigest', 'constraints', 'purpose'],
  },
  {
    verifier: 'openssl',
    programs: 'OpenSSL (curl, wget, Python)',
    order: ['authority', 'purpose', 'keyUsage', 'shortKey', 'weakDigest', 'constraints', 'time', 'name'],
  },
  { verifier: 'java', programs: 'Java (Jenkins, Nexus)', order: ['authority', 'time', 'constraints', 'shortKey', 'purpose', 'keyUsage', 'commonName', 'name'] },
  {
    verifier: 'browsers',
    programs: 'browsers',
    order: [
      'edwards',
      'authority',
      'weakDigest',
      'purpose',
      'constraints',
      'commonName',
      'name',
      'time',
      'keyUsage',
      'shortKey',
      'authorityAsServer',
      'longLife',
    ],
  },
]

/** What each kind of client says of a server that shows this chain, its own certificate first. @throws CertificateError if the host is no name */
export function judge(chain: readonly X509Certificate[], options: JudgementOptions = {}): Judgement {
  const [leaf] = chain
  if (!leaf) throw new RangeError('a chain has at least one certificate')
  const host = wantedHost(leaf, options.host)
  const meeting: Meeting = { leaf, chain, host, now: options.now ?? Date.now(), ...(options.trusted && { trusted: options.trusted }) }
  const applying = (Object.keys(rules) as RuleId[]).filter((id) => rules[id].applies(meeting))
  return {
    host: host.value,
    verdicts: verifiers.map(({ verifier, programs, order }) => ({
      verifier,
      programs,
      ...findRefusal(
        meeting,
        verifier,
        order.filter((id) => applying.includes(id)),
      ),
    })),
    reasons: applying.map((id) => rules[id].why(meeting)),
  }
}

function findRefusal(meeting: Meeting, verifier: Verifier, ids: readonly RuleId[]): { refusal?: string } {
  const refusal = ids.map((id) => rules[id].words(meeting)[verifier as 'browsers']).find((words) => words !== undefined)
  return refusal === undefined ? {} : { refusal }
}

function wantedHost(leaf: X509Certificate, host: string | undefined): CertificateName {
  const own = certificateNames(leaf).find((name) => /^(?:dns|ip):/.test(name))
  const text = host ?? own?.replace(/^\w+:/, '').replace(/^\*\./, 'any.') ?? findAttribute(readSubject(leaf), 'CN')
  try {
    return parseCertificateNames([text ?? ''])[0] as CertificateName
  } catch (error) {
    if (host !== undefined) throw error
    return { kind: 'dns', value: 'HOST' } // a CN such as "lacre CA 2026" is no host's
  }
}
