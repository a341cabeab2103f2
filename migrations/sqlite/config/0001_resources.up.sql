-- Resources, their history and the chain over it. Integer ids are references; hashes are found by unique indexes.

PRAGMA application_id = 1396859750;  -- "SBcf": what tells this file from others
PRAGMA user_version = 1;

CREATE TABLE head (
  only INTEGER PRIMARY KEY CHECK (only = 1),
  store_id TEXT NOT NULL,
  epoch INTEGER NOT NULL,                      -- 64 bits, as a signed number
  revision INTEGER NOT NULL CHECK (revision >= 0),
  digest BLOB NOT NULL CHECK (length(digest) = 32),
  control_seq INTEGER NOT NULL DEFAULT 0,      -- of the last entry of control_log
  outbox_seq INTEGER NOT NULL DEFAULT 0,       -- of the last row ever added to outbox
  oldest_revision INTEGER NOT NULL DEFAULT 1,  -- the oldest one whose changes are kept
  oldest_digest BLOB NOT NULL CHECK (length(oldest_digest) = 32)   -- of the chain just below it
) STRICT;

CREATE TABLE body (
  id INTEGER PRIMARY KEY,
  hash BLOB NOT NULL UNIQUE CHECK (length(hash) = 32),  -- SHA-256 of bytes
  bytes BLOB NOT NULL
) STRICT;

CREATE TABLE record (
  id INTEGER PRIMARY KEY,
  hash BLOB NOT NULL UNIQUE CHECK (length(hash) = 32),
  body INTEGER NOT NULL REFERENCES body (id),
  targets TEXT NOT NULL,                       -- JSON: an array of strings
  labels TEXT NOT NULL,                        -- JSON: an object of strings
  annotations TEXT NOT NULL,                   -- JSON: an object of strings
  owner TEXT NOT NULL,
  source TEXT NOT NULL
) STRICT;
CREATE INDEX record_by_body ON record (body);

CREATE TABLE resource_key (
  id INTEGER PRIMARY KEY,
  namespace TEXT NOT NULL,
  type TEXT NOT NULL,
  name TEXT NOT NULL,
  UNIQUE (namespace, type, name)
) STRICT;

CREATE TABLE revision (
  number INTEGER PRIMARY KEY CHECK (number > 0),
  epoch INTEGER NOT NULL,                      -- the head's when it was made
  time_ms INTEGER NOT NULL,
  author TEXT NOT NULL,
  message TEXT NOT NULL,
  request_id TEXT NOT NULL,
  kind INTEGER NOT NULL CHECK (kind BETWEEN 1 AND 4),  -- apply, rollback, import, restore
  previous_digest BLOB NOT NULL CHECK (length(previous_digest) = 32),
  digest BLOB NOT NULL CHECK (length(digest) = 32)
) STRICT;

-- What each revision changed; a null record: the key went.
CREATE TABLE resource_history (
  revision INTEGER NOT NULL REFERENCES revision (number),
  key INTEGER NOT NULL REFERENCES resource_key (id),
  record INTEGER REFERENCES record (id),
  PRIMARY KEY (revision, key)
) STRICT, WITHOUT ROWID;
CREATE INDEX resource_history_by_key ON resource_history (key, revision);
CREATE INDEX resource_history_by_record ON resource_history (record);

-- What is there at the head.
CREATE TABLE resource (
  key INTEGER PRIMARY KEY REFERENCES resource_key (id),
  record INTEGER NOT NULL REFERENCES record (id),
  changed_in INTEGER NOT NULL
) STRICT;
CREATE INDEX resource_by_record ON resource (record);

CREATE TABLE resource_label (
  key TEXT NOT NULL,
  value TEXT NOT NULL,
  resource INTEGER NOT NULL REFERENCES resource (key),
  PRIMARY KEY (key, value, resource)
) STRICT, WITHOUT ROWID;
CREATE INDEX resource_label_by_resource ON resource_label (resource);

CREATE TABLE request (
  author TEXT NOT NULL,
  id TEXT NOT NULL,
  hash BLOB NOT NULL CHECK (length(hash) = 32),
  revision INTEGER NOT NULL,
  time_ms INTEGER NOT NULL,
  PRIMARY KEY (author, id)
) STRICT, WITHOUT ROWID;
CREATE INDEX request_by_time ON request (time_ms);

-- What the audit log is to hold of the changes here: written with them, moved there afterwards.
CREATE TABLE outbox (
  seq INTEGER PRIMARY KEY CHECK (seq > 0),
  epoch INTEGER NOT NULL,
  time_ms INTEGER NOT NULL,
  principal TEXT NOT NULL,
  action TEXT NOT NULL,
  resource TEXT NOT NULL,
  revision INTEGER NOT NULL,
  request_id TEXT NOT NULL,
  outcome INTEGER NOT NULL CHECK (outcome BETWEEN 1 AND 3),  -- done, refused, failed
  detail TEXT NOT NULL,
  source TEXT NOT NULL
) STRICT;

-- What changed here without a revision.
CREATE TABLE control_log (
  seq INTEGER PRIMARY KEY CHECK (seq > 0),
  time_ms INTEGER NOT NULL,
  kind TEXT NOT NULL,
  subject TEXT NOT NULL
) STRICT;
