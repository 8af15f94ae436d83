import { isIP } from 'node:net'
import { z } from 'zod'
import { count, duration, flag, texts } from './values.ts'

/** Wrong passwords: how many, and what follows. */
export const guessingSchema = z.object({
  enabled: flag('Whether an address or an account has to wait (429) after too many different wrong passwords.').default(true),
  attempts: count('How many different wrong passwords an address or an account has before there is a wait, which begins at a second and doubles.', 10),
  lock: duration('The longest wait. What has been quiet for four times as long is forgotten.', { positive: true }).default(15 * 60_000),
})

export const trustedProxies = texts(
  'Addresses or networks of proxies in front, for example 10.0.0.0/8. From these alone X-Forwarded-For tells where wrong passwords come from.',
  { type: 'a list of addresses or networks', accept: (value) => (isNetwork(value) ? value : undefined) },
).default([])

function isNetwork(text: string): boolean {
  const [address = '', bits, ...rest] = text.split('/')
  const most = { 0: -1, 4: 32, 6: 128 }[isIP(address)] ?? -1
  if (most < 0 || address.includes('%') || rest.length > 0) return false
  return bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) <= most)
}
