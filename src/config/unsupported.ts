import type { Tree } from './tree.ts'

/** A key of Distribution that lacre does not act on. It counts only where its value says something. */
export interface UnsupportedKey {
  readonly path: string
  /** `refused`: to go on without it would change what is stored, who gets in or what is served. `unneeded`: nothing is lost, nothing is said. */
  readonly effect: 'refused' | 'ignored' | 'unneeded'
  /** The end of a sentence that begins with the key. */
  readonly why: string
  readonly suggestion?: string
}

const FILESYSTEM_ONLY = {
  effect: 'refused',
  why: 'is not supported: images are kept on a filesystem only',
  suggestion: 'use storage.filesystem.rootdirectory (REGISTRY_STORAGE=filesystem)',
} as const
const USE_HTPASSWD = 'use auth.htpasswd with realm and path (REGISTRY_AUTH=htpasswd), or no auth section to let everybody in'

/** Rows above come before rows below; a row speaks for everything under its path. */
export const unsupportedKeys: readonly UnsupportedKey[] = [
  { path: 'storage.s3', ...FILESYSTEM_ONLY },
  { path: 'storage.s3aws', ...FILESYSTEM_ONLY },
  { path: 'storage.gcs', ...FILESYSTEM_ONLY },
  { path: 'storage.azure', ...FILESYSTEM_ONLY },
  { path: 'storage.swift', ...FILESYSTEM_ONLY },
  { path: 'storage.oss', ...FILESYSTEM_ONLY },
  { path: 'storage.inmemory', ...FILESYSTEM_ONLY },
  { path: 'auth.token', effect: 'refused', why: 'is not supported: tokens of another server cannot be checked', suggestion: USE_HTPASSWD },
  { path: 'auth.silly', effect: 'refused', why: 'is not supported: it lets in whoever sends any Authorization header', suggestion: USE_HTPASSWD },
  {
    path: 'proxy',
    effect: 'refused',
    why: 'is not supported: this registry cannot fetch images from another one',
    suggestion: 'remove proxy, or REGISTRY_PROXY_REMOTEURL, and push the images here',
  },
  { path: 'middleware', effect: 'refused', why: 'is not supported: it could change what is served', suggestion: 'remove middleware' },
  { path: 'redis', effect: 'ignored', why: 'is not used: nothing is cached outside this process' },
  { path: 'compatibility.schema1.enabled', effect: 'ignored', why: 'is not supported: Docker schema 1 manifests are refused' },
  { path: 'log.hooks', effect: 'ignored', why: 'is not supported: no mail is sent' },
  { path: 'reporting', effect: 'ignored', why: 'is not supported: errors are only logged' },
  { path: 'http.h2c.enabled', effect: 'ignored', why: 'is not supported: HTTP/1.1 is spoken' },
  { path: 'storage.cache', effect: 'unneeded', why: 'is not needed' },
  { path: 'storage.redirect', effect: 'unneeded', why: 'has nowhere to redirect to' },
  { path: 'storage.tag', effect: 'unneeded', why: 'is not needed' },
  { path: 'storage.filesystem.maxthreads', effect: 'unneeded', why: 'is not needed' },
  { path: 'log.reportcaller', effect: 'unneeded', why: 'is not needed' },
  { path: 'compatibility.schema1', effect: 'unneeded', why: 'is off' },
  { path: 'http.http2', effect: 'unneeded', why: 'is off' },
  { path: 'http.h2c', effect: 'unneeded', why: 'is off' },
]

/** Whether a value says nothing: null, false, 0, an empty text, or a list or section of only those. */
export function isBlank(tree: Tree): boolean {
  if (tree.kind === 'scalar') return tree.value === null || tree.value === false || tree.value === 0 || tree.value === ''
  return tree.kind === 'list' ? tree.items.every(isBlank) : [...tree.entries.values()].every(isBlank)
}
