-- Instants are milliseconds since 1970 in UTC, ids and digests are their bytes.

-- One row a process that owned the file. Only the newest may write.
CREATE TABLE epochs (
  epoch INTEGER PRIMARY KEY,
  opened INTEGER NOT NULL,
  closed INTEGER -- null: it is open, or ended without closing
) STRICT;

CREATE TABLE bundles (
  digest BLOB PRIMARY KEY,
  data BLOB NOT NULL
) STRICT;

-- The index over runs. All of it follows from the entries, except the epoch that wrote it last.
CREATE TABLE runs (
  run BLOB PRIMARY KEY, -- UUIDv7: in the order of acceptance
  workflow TEXT NOT NULL,
  bundle BLOB NOT NULL REFERENCES bundles (digest),
  trigger_kind TEXT NOT NULL,
  trigger_index INTEGER NOT NULL,
  status TEXT NOT NULL,
  reason TEXT,
  accepted INTEGER NOT NULL,
  started INTEGER,
  ended INTEGER,
  cost INTEGER NOT NULL, -- pico-dollars
  cost_exact INTEGER NOT NULL,
  recoveries INTEGER NOT NULL,
  version INTEGER NOT NULL,
  epoch INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX runs_by_status ON runs (status, run);
CREATE INDEX runs_by_workflow ON runs (workflow, status, run);

-- One row a commit: the entries that became true together, and how many the run had with them.
-- With row ids: without them a row of more than a quarter of a page has a page of its own.
CREATE TABLE entries (
  run BLOB NOT NULL,
  version INTEGER NOT NULL,
  data BLOB NOT NULL,
  PRIMARY KEY (run, version)
) STRICT;

-- Which event became which run.
CREATE TABLE events (
  workflow TEXT NOT NULL,
  trigger TEXT NOT NULL,
  identity BLOB NOT NULL, -- the digest of the key, which may be long or private
  run BLOB NOT NULL,
  expires INTEGER, -- null: never
  PRIMARY KEY (workflow, trigger, identity)
) STRICT, WITHOUT ROWID;

CREATE INDEX events_by_expiry ON events (expires) WHERE expires IS NOT NULL;

-- The latest version of each file that a trigger has dealt with.
CREATE TABLE files (
  workflow TEXT NOT NULL,
  trigger TEXT NOT NULL,
  path BLOB NOT NULL,
  content BLOB NOT NULL,
  size INTEGER NOT NULL,
  modified INTEGER NOT NULL, -- seconds since 1970 …
  modified_nanos INTEGER NOT NULL, -- … and nanoseconds, with the same sign
  PRIMARY KEY (workflow, trigger, path)
) STRICT, WITHOUT ROWID;

-- The settings with which a trigger watches.
CREATE TABLE armed (
  workflow TEXT NOT NULL,
  trigger TEXT NOT NULL,
  settings BLOB NOT NULL,
  PRIMARY KEY (workflow, trigger)
) STRICT, WITHOUT ROWID;
