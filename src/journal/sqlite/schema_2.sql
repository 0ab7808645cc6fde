-- The items that loops have done once and for all, by what tells them apart.
CREATE TABLE items (
  workflow TEXT NOT NULL,
  loop TEXT NOT NULL, -- the path of the step, without passes
  key BLOB NOT NULL, -- the digest of the key, which may be long or private
  run BLOB NOT NULL,
  expires INTEGER, -- null: never
  PRIMARY KEY (workflow, loop, key)
) STRICT, WITHOUT ROWID;

CREATE INDEX items_by_expiry ON items (expires) WHERE expires IS NOT NULL;
