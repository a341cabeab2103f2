-- Jobs, and the leases of what only one instance may do. Text compares by bytes, whatever the database's locale.

CREATE TABLE queue.job (
  id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,  -- never used again
  kind TEXT COLLATE "C" NOT NULL,
  payload BYTEA NOT NULL,
  priority INTEGER NOT NULL,
  run_at TIMESTAMPTZ NOT NULL,
  max_attempts INTEGER NOT NULL CHECK (max_attempts > 0),
  unique_key TEXT COLLATE "C" NOT NULL,
  state SMALLINT NOT NULL CHECK (state BETWEEN 1 AND 4),     -- pending, running, done, dead
  due TIMESTAMPTZ CHECK ((due IS NULL) = (state > 2)),       -- pending: run_at; running: the lease's end
  attempts INTEGER NOT NULL,
  fence BIGINT NOT NULL,
  worker TEXT COLLATE "C" NOT NULL,
  created TIMESTAMPTZ NOT NULL,
  changed TIMESTAMPTZ NOT NULL,
  error TEXT COLLATE "C" NOT NULL
) WITH (fillfactor = 70);
CREATE UNIQUE INDEX job_by_unique_key ON queue.job (unique_key) WHERE unique_key <> '' AND due IS NOT NULL;
CREATE INDEX job_in_order ON queue.job (priority DESC, run_at, id) WHERE due IS NOT NULL;
CREATE INDEX job_by_due ON queue.job (due) WHERE due IS NOT NULL;
CREATE INDEX job_by_state ON queue.job (state, id);
CREATE INDEX job_by_kind ON queue.job (kind, id);

CREATE TABLE queue.lease (
  name TEXT COLLATE "C" PRIMARY KEY,
  holder TEXT COLLATE "C" NOT NULL,                          -- '' when released
  number BIGINT NOT NULL CHECK (number >= 0),                -- the fence; 0: nobody had it yet
  until TIMESTAMPTZ NOT NULL
) WITH (fillfactor = 10);
