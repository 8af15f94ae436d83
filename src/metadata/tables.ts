/**
 * The index: rows about what the volume holds. A cache, rebuilt from the volume alone; believed for a repository only once
 * that repository was settled in this process. Digests, names and tags sort by their bytes.
 */
export interface IndexTables {
  /** Written by registry/repositories.ts. A repository is listed in the catalog once it has a `_manifests` folder. */
  repository: { id: number; name: string; is_listed: number }
  /**
   * Layer links. Written by registry/layer-rows.ts. `target` is the digest that the link names, which in Distribution's alias
   * form is another one than the link's path; `size` is the target's bytes, -1 while they are missing.
   */
  repository_blob: { repository_id: number; digest: string; target: string; size: number }
  /** Revision links with what their bytes say. Written by registry/revision-rows.ts. `annotations` is JSON. */
  manifest: {
    repository_id: number
    digest: string
    media_type: string
    artifact_type: string | null
    subject: string | null
    annotations: string | null
    size: number
  }
  /** What a manifest names: its config, layers and children. Written by registry/revision-rows.ts. */
  manifest_reference: { repository_id: number; manifest: string; digest: string }
  /** Written by registry/tag-rows.ts. */
  tag: { repository_id: number; name: string; digest: string }
  /** Every digest a tag ever had here, the current one included. Written by registry/tag-rows.ts. */
  tag_history: { repository_id: number; tag: string; digest: string }
}

export const INDEX_VERSION = 1

export const INDEX_SCHEMA = `
  CREATE TABLE repository (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, is_listed INTEGER NOT NULL DEFAULT 0);
  CREATE TABLE repository_blob (
    repository_id INTEGER NOT NULL REFERENCES repository ON DELETE CASCADE, digest TEXT NOT NULL,
    target TEXT NOT NULL, size INTEGER NOT NULL,
    PRIMARY KEY (repository_id, digest)) WITHOUT ROWID;
  CREATE INDEX repository_blob_target ON repository_blob (target);
  CREATE TABLE manifest (
    repository_id INTEGER NOT NULL REFERENCES repository ON DELETE CASCADE, digest TEXT NOT NULL, media_type TEXT NOT NULL,
    artifact_type TEXT, subject TEXT, annotations TEXT, size INTEGER NOT NULL,
    PRIMARY KEY (repository_id, digest)) WITHOUT ROWID;
  CREATE INDEX manifest_digest ON manifest (digest);
  CREATE INDEX manifest_subject ON manifest (repository_id, subject, digest) WHERE subject IS NOT NULL;
  CREATE TABLE manifest_reference (
    repository_id INTEGER NOT NULL REFERENCES repository ON DELETE CASCADE, manifest TEXT NOT NULL, digest TEXT NOT NULL,
    PRIMARY KEY (repository_id, manifest, digest)) WITHOUT ROWID;
  CREATE INDEX manifest_reference_digest ON manifest_reference (digest, repository_id);
  CREATE TABLE tag (
    repository_id INTEGER NOT NULL REFERENCES repository ON DELETE CASCADE, name TEXT NOT NULL, digest TEXT NOT NULL,
    PRIMARY KEY (repository_id, name)) WITHOUT ROWID;
  CREATE INDEX tag_digest ON tag (repository_id, digest);
  CREATE TABLE tag_history (
    repository_id INTEGER NOT NULL REFERENCES repository ON DELETE CASCADE, tag TEXT NOT NULL, digest TEXT NOT NULL,
    PRIMARY KEY (repository_id, tag, digest)) WITHOUT ROWID;
`

/** State that is ours alone and cannot be rebuilt. */
export interface StateTables {
  /** Digests whose bytes were found damaged: they are not served, so that the next push replaces them. Written by registry/damage.ts. */
  damaged_blob: { digest: string; reason: string; found_at: string }
  /**
   * Events that wait for an endpoint, delivered in the order of `seq`, which is never used twice. Written by
   * notifications/queue.ts. `event` is JSON, `is_pull` 0 or 1, `queued_at` milliseconds since 1970.
   */
  notification: { seq: number; endpoint: string; is_pull: number; event: string; queued_at: number }
}

/** Steps that bring an older state.db forward, in order; a step is never changed once released. */
export const STATE_MIGRATIONS = [
  'CREATE TABLE damaged_blob (digest TEXT PRIMARY KEY, reason TEXT NOT NULL, found_at TEXT NOT NULL) WITHOUT ROWID',
  `CREATE TABLE notification (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, endpoint TEXT NOT NULL, is_pull INTEGER NOT NULL, event TEXT NOT NULL, queued_at INTEGER NOT NULL);
  CREATE INDEX notification_endpoint ON notification (endpoint, seq)`,
] as const

/** The ledger of an authority, a file of its own beside its keys. Written by metadata/certificate-ledger.ts. */
export interface LedgerTables {
  /** In the order of issue. `serial` in lower-case hexadecimal, `names` a JSON list, times in milliseconds since 1970. */
  certificate: {
    id: number
    serial: string
    profile: string
    names: string
    subject: string
    not_before: number
    not_after: number
    fingerprint: string
    pem: string
    revoked_at: number | null
    reason: string | null
  }
  /** One row: the number of the last revocation list. */
  revocation_list: { number: number }
}

/** Steps that bring an older ledger forward, in order; a step is never changed once released. */
export const LEDGER_MIGRATIONS = [
  `CREATE TABLE certificate (
    id INTEGER PRIMARY KEY, serial TEXT NOT NULL UNIQUE, profile TEXT NOT NULL, names TEXT NOT NULL, subject TEXT NOT NULL,
    not_before INTEGER NOT NULL, not_after INTEGER NOT NULL, fingerprint TEXT NOT NULL, pem TEXT NOT NULL, revoked_at INTEGER, reason TEXT);
  CREATE TABLE revocation_list (number INTEGER NOT NULL);
  INSERT INTO revocation_list (number) VALUES (0)`,
] as const

/** Who may do what: a file of its own, so that no trouble with other state can take grants away. */
export interface AccessTables {
  /** Written by access/group-rows.ts. */
  access_group: { name: string }
  /** Written by access/group-rows.ts. */
  access_group_member: { group_name: string; account: string }
  /** Written by access/grant-rows.ts. `terms` is JSON, as policy files have it; `id` is never used twice. */
  access_grant: { id: number; terms: string }
}

/** Steps that bring an older access.db forward, in order; a step is never changed once released. */
export const ACCESS_MIGRATIONS = [
  `CREATE TABLE access_group (name TEXT PRIMARY KEY) WITHOUT ROWID;
  CREATE TABLE access_group_member (
    group_name TEXT NOT NULL REFERENCES access_group ON DELETE CASCADE, account TEXT NOT NULL,
    PRIMARY KEY (group_name, account)) WITHOUT ROWID;
  CREATE TABLE access_grant (id INTEGER PRIMARY KEY AUTOINCREMENT, terms TEXT NOT NULL)`,
] as const
