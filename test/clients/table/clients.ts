import { buildah } from './buildah.ts'
import type { Client } from './client.ts'
import { ctr } from './containerd.ts'
import { crane } from './crane.ts'
import { curl } from './curl.ts'
import { docker } from './docker.ts'
import { kubernetes } from './kubernetes.ts'
import { podman } from './podman.ts'
import { findOnPath } from './programs.ts'
import { regctl } from './regctl.ts'
import { skopeo } from './skopeo.ts'
import { umoci } from './umoci.ts'

const DEBIANS_DOCKER = '/usr/bin/docker'

/** The columns of the table in docs/clients.md, in its order. */
export const clients: readonly Client[] = [
  docker('docker', DEBIANS_DOCKER),
  docker('newer docker', findOnPath('docker', DEBIANS_DOCKER)),
  podman,
  buildah,
  skopeo,
  umoci,
  ctr,
  kubernetes,
  crane,
  regctl,
  curl,
]
