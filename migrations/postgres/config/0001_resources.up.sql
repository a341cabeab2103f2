-- Resources, their history and the chain over it. Integer ids are references; hashes are found by unique indexes.
-- Text compares by bytes, whatever the database's locale.

CREATE TABLE config.head (
  only_row BOOLEAN PRIMARY KEY DEFAULT TRUE CHECK (only_row),
  store_id TEXT COLLATE "C" NOT NULL,
  epoch BIGINT NOT NULL,                      -- 64 bits, as a signed number
  revision BIGINT NOT NULL CHECK (revision >= 0),
  digest BYTEA NOT NULL CHECK (length(digest) = 32),
  control_seq BIGINT NOT NULL DEFAULT 0,      -- of the last entry of control_log
  outbox_seq BIGINT NOT NULL DEFAULT 0,       -- of the last row ever added to outbox
  oldest_revision BIGINT NOT NULL DEFAULT 1,  -- the oldest one whose changes are kept
  oldest_digest BYTEA NOT NULL CHECK (length(oldest_digest) = 32)   -- of the chain just below it
) WITH (fillfactor = 10);                     -- a new version of the row at each commit, in the same page

CREATE TABLE config.body (
  id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  hash BYTEA NOT NULL UNIQUE CHECK (length(hash) = 32),  -- SHA-256 of bytes
  bytes BYTEA NOT NULL
) WITH (toast_tuple_target = 8160);           -- what fits a page stays in it
-- Compressing would cost more time than the disk is worth.
ALTER TABLE config.body ALTER COLUMN bytes SET STORAGE EXTERNAL;

CREATE TABLE config.record (
  id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  hash BYTEA NOT NULL UNIQUE CHECK (length(hash) = 32),
  body BIGINT NOT NULL REFERENCES config.body (id),
  targets JSONB NOT NULL,                     -- an array of strings
  labels JSONB NOT NULL,                      -- an object of strings
  annotations JSONB NOT NULL,                 -- an object of strings
  owner TEXT COLLATE "C" NOT NULL,
  source TEXT COLLATE "C" NOT NULL
);
CREATE INDEX record_by_body ON config.record (body);

CREATE TABLE config.resource_key (
  id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  namespace TEXT COLLATE "C" NOT NULL,
  type TEXT COLLATE "C" NOT NULL,
  name TEXT COLLATE "C" NOT NULL,
  UNIQUE (namespace, type, name)
);

CREATE TABLE config.revision (
  number BIGINT PRIMARY KEY CHECK (number > 0),
  epoch BIGINT NOT NULL,                      -- the head's when it was made
  time TIMESTAMPTZ NOT NULL,
  author TEXT COLLATE "C" NOT NULL,
  message TEXT COLLATE "C" NOT NULL,
  request_id TEXT COLLATE "C" NOT NULL,
  kind SMALLINT NOT NULL CHECK (kind BETWEEN 1 AND 4),  -- apply, rollback, import, restore
  previous_digest BYTEA NOT NULL CHECK (length(previous_digest) = 32),
  digest BYTEA NOT NULL CHECK (length(digest) = 32)
);

-- What each revision changed; a null record: the key went.
CREATE TABLE config.resource_history (
  revision BIGINT NOT NULL REFERENCES config.revision (number),
  key BIGINT NOT NULL REFERENCES config.resource_key (id),
  record BIGINT REFERENCES config.record (id),
  PRIMARY KEY (revision, key)
);
CREATE INDEX resource_history_by_key ON config.resource_history (key, revision);
CREATE INDEX resource_history_by_record ON config.resource_history (record);

-- What is there at the head. The labels are the record's, here so that their index holds the head only.
CREATE TABLE config.resource (
  key BIGINT PRIMARY KEY REFERENCES config.resource_key (id),
  record BIGINT NOT NULL REFERENCES config.record (id),
  changed_in BIGINT NOT NULL,
  labels JSONB NOT NULL
);
CREATE INDEX resource_by_record ON config.resource (record);
CREATE INDEX resource_by_change ON config.resource (changed_in);
-- Without a pending list: its emptying would fall on one commit in many.
CREATE INDEX resource_by_label ON config.resource USING gin (labels jsonb_path_ops) WITH (fastupdate = off);

CREATE TABLE config.request (
  author TEXT COLLATE "C" NOT NULL,
  id TEXT COLLATE "C" NOT NULL,
  hash BYTEA NOT NULL CHECK (length(hash) = 32),
  revision BIGINT NOT NULL,
  time TIMESTAMPTZ NOT NULL,
  PRIMARY KEY (author, id)
);
CREATE INDEX request_by_time ON config.request (time);

-- What the audit log is to hold of the changes here: written with them, moved there afterwards.
CREATE TABLE config.outbox (
  seq BIGINT PRIMARY KEY CHECK (seq > 0),
  epoch BIGINT NOT NULL,
  time TIMESTAMPTZ NOT NULL,
  principal TEXT COLLATE "C" NOT NULL,
  action TEXT COLLATE "C" NOT NULL,
  resource TEXT COLLATE "C" NOT NULL,
  revision BIGINT NOT NULL,
  request_id TEXT COLLATE "C" NOT NULL,
  outcome SMALLINT NOT NULL CHECK (outcome BETWEEN 1 AND 3),  -- done, refused, failed
  detail TEXT COLLATE "C" NOT NULL,
  source TEXT COLLATE "C" NOT NULL
);

-- What changed here without a revision.
CREATE TABLE config.control_log (
  seq BIGINT PRIMARY KEY CHECK (seq > 0),
  time TIMESTAMPTZ NOT NULL,
  kind TEXT COLLATE "C" NOT NULL,
  subject TEXT COLLATE "C" NOT NULL
);
