-- Small values that outlive runs. The entries of runs say how they came about.
CREATE TABLE state (
  workflow TEXT NOT NULL, -- empty: everybody's
  name TEXT NOT NULL,
  value TEXT NOT NULL, -- JSON
  PRIMARY KEY (workflow, name)
) STRICT, WITHOUT ROWID;
