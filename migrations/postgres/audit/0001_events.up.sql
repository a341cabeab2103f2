-- Audit events, only ever added, in a chain of digests. Text compares by bytes, whatever the database's locale.

CREATE TABLE audit.head (
  only_row BOOLEAN PRIMARY KEY DEFAULT TRUE CHECK (only_row),
  newest BIGINT NOT NULL CHECK (newest >= 0),  -- the last event's number
  digest BYTEA NOT NULL CHECK (length(digest) = 32),
  oldest BIGINT NOT NULL CHECK (oldest BETWEEN 1 AND newest + 1),  -- of the events kept
  oldest_digest BYTEA NOT NULL CHECK (length(oldest_digest) = 32),  -- of the chain just below it
  cursor_epoch BIGINT NOT NULL,                -- 64 bits, as a signed number
  cursor_seq BIGINT NOT NULL CHECK (cursor_seq >= 0),
  cursor_revision BIGINT NOT NULL CHECK (cursor_revision >= 0)
) WITH (fillfactor = 10);                      -- a new version of the row at each append, in the same page
INSERT INTO audit.head (newest, digest, oldest, oldest_digest, cursor_epoch, cursor_seq, cursor_revision)
VALUES (0, decode(repeat('00', 32), 'hex'), 1, decode(repeat('00', 32), 'hex'), 0, 0, 0);

CREATE TABLE audit.event (
  number BIGINT PRIMARY KEY CHECK (number > 0),
  time TIMESTAMPTZ NOT NULL,
  principal TEXT COLLATE "C" NOT NULL,
  action TEXT COLLATE "C" NOT NULL,
  resource TEXT COLLATE "C" NOT NULL,
  revision BIGINT NOT NULL,
  request_id TEXT COLLATE "C" NOT NULL,
  outcome SMALLINT NOT NULL CHECK (outcome BETWEEN 1 AND 3),  -- done, refused, failed
  detail TEXT COLLATE "C" NOT NULL,
  source TEXT COLLATE "C" NOT NULL,
  epoch BIGINT NOT NULL,                       -- the outbox row that it was; ...
  seq BIGINT NOT NULL,                         -- ... 0 when it came directly
  digest BYTEA NOT NULL CHECK (length(digest) = 32)
);
CREATE UNIQUE INDEX event_by_origin ON audit.event (epoch, seq) WHERE seq > 0;
CREATE INDEX event_by_time ON audit.event (time, number);
CREATE INDEX event_by_principal ON audit.event (principal, time, number);
CREATE INDEX event_by_action ON audit.event (action, time, number);
CREATE INDEX event_by_resource ON audit.event (resource, time, number) WHERE resource <> '';
