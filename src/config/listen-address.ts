/** Whether `addr` can be listened on: `:5000`, `0.0.0.0:443`, `[::1]:5000`, `localhost:5000`, or with `net: unix` a path. */
export function isListenAddress(addr: string, net: 'tcp' | 'unix'): boolean {
  if (net === 'unix') return addr !== ''
  const match = /^(?:\[[0-9a-f:.%]+\]|[^:[\]\s/]*):(\d{1,5})$/i.exec(addr)
  return match !== null && Number(match[1]) <= 65_535
}
