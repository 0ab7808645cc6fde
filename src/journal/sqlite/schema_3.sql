-- How a run takes its turn among the runs of its workflow, as JSON; null: it needs none.
ALTER TABLE runs ADD COLUMN turn TEXT;

-- What was spent on model calls, by the quarter of an hour since 1970. All of it follows from the
-- entries.
CREATE TABLE spent (
  quarter INTEGER NOT NULL,
  workflow TEXT NOT NULL,
  amount INTEGER NOT NULL, -- pico-dollars
  PRIMARY KEY (quarter, workflow)
) STRICT, WITHOUT ROWID;

-- What runs of before this table have cost, when they ended.
INSERT INTO spent (quarter, workflow, amount)
SELECT coalesce(ended, accepted) / 900000, workflow, sum(cost) FROM runs WHERE cost > 0 GROUP BY 1, 2;
