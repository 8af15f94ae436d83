import { plainConfiguration } from '../clients/support/registry-server.ts'

/** A configuration that allows all that the specification does: deletion, and layers that stay at URLs of their own. */
export function permissiveConfiguration(address: string, rootDirectory: string, http = ''): string {
  return `${plainConfiguration(address, rootDirectory)}${http}validation: {manifests: {urls: {allow: ['^https?://']}}}\n`
}
