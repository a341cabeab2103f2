-- The fleet as the instances see it. Nothing here is the only copy of anything that is decided by.

PRAGMA application_id = 1396864109;  -- "SBtm": what tells this file from others
PRAGMA user_version = 1;

CREATE TABLE node (
  id TEXT PRIMARY KEY,
  namespace TEXT NOT NULL,
  node_group TEXT NOT NULL,
  client TEXT NOT NULL,
  variant TEXT NOT NULL,
  instance TEXT NOT NULL,
  connected_ms INTEGER NOT NULL,
  state INTEGER NOT NULL CHECK (state BETWEEN 1 AND 8),  -- NodeState
  since_ms INTEGER NOT NULL,
  epoch INTEGER NOT NULL,                -- 64 bits, as a signed number
  revision INTEGER NOT NULL,
  acked TEXT NOT NULL,                   -- JSON: an object of revisions by type
  detail TEXT NOT NULL,
  seen_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX node_in_order ON node (namespace, node_group, id);
CREATE INDEX node_by_state ON node (state, seen_ms);

CREATE TABLE node_status (
  number INTEGER PRIMARY KEY AUTOINCREMENT,
  node TEXT NOT NULL,
  node_group TEXT NOT NULL,
  instance TEXT NOT NULL,
  state INTEGER NOT NULL CHECK (state BETWEEN 1 AND 8),
  since_ms INTEGER NOT NULL,
  revision INTEGER NOT NULL,
  detail TEXT NOT NULL,
  seen_ms INTEGER NOT NULL
) STRICT;
CREATE INDEX node_status_by_node ON node_status (node, number);

CREATE TABLE nack (
  number INTEGER PRIMARY KEY AUTOINCREMENT,
  fingerprint TEXT NOT NULL,
  type TEXT NOT NULL,
  resource TEXT NOT NULL,
  node TEXT NOT NULL,
  client TEXT NOT NULL,
  message TEXT NOT NULL,
  epoch INTEGER NOT NULL,
  revision INTEGER NOT NULL,
  first_ms INTEGER NOT NULL,
  last_ms INTEGER NOT NULL,
  count INTEGER NOT NULL CHECK (count > 0),
  UNIQUE (fingerprint, type, resource, node)
) STRICT;
CREATE INDEX nack_by_time ON nack (last_ms, number);
CREATE INDEX nack_by_node ON nack (node, last_ms, number);

CREATE TABLE instance (
  name TEXT PRIMARY KEY,
  version TEXT NOT NULL,
  address TEXT NOT NULL,
  started_ms INTEGER NOT NULL,
  nodes INTEGER NOT NULL,
  epoch INTEGER NOT NULL,
  watermark INTEGER NOT NULL,
  seen_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
