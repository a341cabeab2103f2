-- What nodes refused and are not sent again until it changes.

PRAGMA user_version = 3;

CREATE TABLE quarantined_node (
  id INTEGER PRIMARY KEY,
  node TEXT NOT NULL,
  client TEXT NOT NULL,                        -- user agent and version
  namespace TEXT NOT NULL,                     -- of the resources
  seq INTEGER NOT NULL,                        -- the head's control_seq with the last change of it
  changed_ms INTEGER NOT NULL,
  UNIQUE (node, client)
) STRICT;
CREATE INDEX quarantined_node_by_seq ON quarantined_node (seq);

CREATE TABLE quarantine (
  node INTEGER NOT NULL REFERENCES quarantined_node (id),
  type TEXT NOT NULL,
  name TEXT NOT NULL,
  version TEXT NOT NULL,                       -- that was refused
  error TEXT NOT NULL,                         -- what the node said
  last_good INTEGER REFERENCES record (id),    -- what it has instead; null: nothing, or not known
  may_hold INTEGER NOT NULL CHECK (may_hold IN (0, 1)),  -- it may have something that is not known
  PRIMARY KEY (node, type, name)
) STRICT, WITHOUT ROWID;
CREATE INDEX quarantine_by_last_good ON quarantine (last_good) WHERE last_good IS NOT NULL;
