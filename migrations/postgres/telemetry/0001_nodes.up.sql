-- The fleet as the instances see it. Nothing here is the only copy of anything that is decided by. Text compares by
-- bytes, whatever the database's locale.

CREATE TABLE telemetry.node (
  id TEXT COLLATE "C" PRIMARY KEY,
  namespace TEXT COLLATE "C" NOT NULL,
  node_group TEXT COLLATE "C" NOT NULL,
  client TEXT COLLATE "C" NOT NULL,
  variant TEXT COLLATE "C" NOT NULL,
  instance TEXT COLLATE "C" NOT NULL,
  connected TIMESTAMPTZ NOT NULL,
  state SMALLINT NOT NULL CHECK (state BETWEEN 1 AND 8),  -- NodeState
  since TIMESTAMPTZ NOT NULL,
  epoch BIGINT NOT NULL,                  -- 64 bits, as a signed number
  revision BIGINT NOT NULL,
  acked JSONB NOT NULL,                   -- an object of revisions by type
  detail TEXT COLLATE "C" NOT NULL,
  seen TIMESTAMPTZ NOT NULL
);
CREATE UNIQUE INDEX node_in_order ON telemetry.node (namespace, node_group, id);
CREATE INDEX node_by_state ON telemetry.node (state, seen);

CREATE TABLE telemetry.node_status (
  number BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  node TEXT COLLATE "C" NOT NULL,
  node_group TEXT COLLATE "C" NOT NULL,
  instance TEXT COLLATE "C" NOT NULL,
  state SMALLINT NOT NULL CHECK (state BETWEEN 1 AND 8),
  since TIMESTAMPTZ NOT NULL,
  revision BIGINT NOT NULL,
  detail TEXT COLLATE "C" NOT NULL,
  seen TIMESTAMPTZ NOT NULL
);
CREATE INDEX node_status_by_node ON telemetry.node_status (node, number);

CREATE TABLE telemetry.nack (
  number BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  fingerprint TEXT COLLATE "C" NOT NULL,
  type TEXT COLLATE "C" NOT NULL,
  resource TEXT COLLATE "C" NOT NULL,
  node TEXT COLLATE "C" NOT NULL,
  client TEXT COLLATE "C" NOT NULL,
  message TEXT COLLATE "C" NOT NULL,
  epoch BIGINT NOT NULL,
  revision BIGINT NOT NULL,
  first_seen TIMESTAMPTZ NOT NULL,
  last_seen TIMESTAMPTZ NOT NULL,
  count BIGINT NOT NULL CHECK (count > 0),
  UNIQUE (node, fingerprint, type, resource)
);
CREATE INDEX nack_by_time ON telemetry.nack (last_seen, number);
CREATE INDEX nack_by_node ON telemetry.nack (node, last_seen, number);

CREATE TABLE telemetry.instance (
  name TEXT COLLATE "C" PRIMARY KEY,
  version TEXT COLLATE "C" NOT NULL,
  address TEXT COLLATE "C" NOT NULL,
  started TIMESTAMPTZ NOT NULL,
  nodes BIGINT NOT NULL,
  epoch BIGINT NOT NULL,
  watermark BIGINT NOT NULL,
  seen TIMESTAMPTZ NOT NULL
);
