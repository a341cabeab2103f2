-- What nodes refused and are not sent again until it changes.

CREATE TABLE config.quarantined_node (
  id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  node TEXT COLLATE "C" NOT NULL,
  client TEXT COLLATE "C" NOT NULL,           -- user agent and version
  namespace TEXT COLLATE "C" NOT NULL,        -- of the resources
  seq BIGINT NOT NULL,                        -- the head's control_seq with the last change of it
  changed TIMESTAMPTZ NOT NULL,
  UNIQUE (node, client)
);
CREATE INDEX quarantined_node_by_seq ON config.quarantined_node (seq);

CREATE TABLE config.quarantine (
  node BIGINT NOT NULL REFERENCES config.quarantined_node (id),
  type TEXT COLLATE "C" NOT NULL,
  name TEXT COLLATE "C" NOT NULL,
  version TEXT COLLATE "C" NOT NULL,          -- that was refused
  error TEXT COLLATE "C" NOT NULL,            -- what the node said
  last_good BIGINT REFERENCES config.record (id),  -- what it has instead; null: nothing, or not known
  may_hold BOOLEAN NOT NULL,                  -- it may have something that is not known
  PRIMARY KEY (node, type, name)
);
CREATE INDEX quarantine_by_last_good ON config.quarantine (last_good) WHERE last_good IS NOT NULL;
