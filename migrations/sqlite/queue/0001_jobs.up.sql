-- Jobs, and the leases of what only one instance may do.

PRAGMA application_id = 1396863349;  -- "SBqu": what tells this file from others
PRAGMA user_version = 1;

CREATE TABLE job (
  id INTEGER PRIMARY KEY AUTOINCREMENT,          -- never used again
  kind TEXT NOT NULL,
  payload BLOB NOT NULL,
  priority INTEGER NOT NULL,
  run_at_ms INTEGER NOT NULL,
  max_attempts INTEGER NOT NULL CHECK (max_attempts > 0),
  unique_key TEXT NOT NULL,
  state INTEGER NOT NULL CHECK (state BETWEEN 1 AND 4),  -- pending, running, done, dead
  due_ms INTEGER CHECK ((due_ms IS NULL) = (state > 2)),  -- pending: run_at; running: the lease's end
  attempts INTEGER NOT NULL,
  fence INTEGER NOT NULL,
  worker TEXT NOT NULL,
  created_ms INTEGER NOT NULL,
  changed_ms INTEGER NOT NULL,
  error TEXT NOT NULL
) STRICT;
CREATE UNIQUE INDEX job_by_unique_key ON job (unique_key) WHERE unique_key <> '' AND due_ms IS NOT NULL;
CREATE INDEX job_in_order ON job (priority DESC, run_at_ms, id) WHERE due_ms IS NOT NULL;
CREATE INDEX job_by_due ON job (due_ms) WHERE due_ms IS NOT NULL;
CREATE INDEX job_by_state ON job (state, id);
CREATE INDEX job_by_kind ON job (kind, id);

CREATE TABLE lease (
  name TEXT PRIMARY KEY,
  holder TEXT NOT NULL,                          -- '' when released
  number INTEGER NOT NULL CHECK (number > 0),    -- the fence
  until_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
