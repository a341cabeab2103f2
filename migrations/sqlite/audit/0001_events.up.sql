-- Audit events, only ever added, in a chain of digests.

PRAGMA application_id = 1396859253;  -- "SBau": what tells this file from others
PRAGMA user_version = 1;

CREATE TABLE audit_head (
  only INTEGER PRIMARY KEY CHECK (only = 1),
  newest INTEGER NOT NULL CHECK (newest >= 0),  -- the last event's number
  digest BLOB NOT NULL CHECK (length(digest) = 32),
  oldest INTEGER NOT NULL CHECK (oldest BETWEEN 1 AND newest + 1),  -- of the events kept
  oldest_digest BLOB NOT NULL CHECK (length(oldest_digest) = 32),   -- of the chain just below it
  cursor_epoch INTEGER NOT NULL,                -- 64 bits, as a signed number
  cursor_seq INTEGER NOT NULL CHECK (cursor_seq >= 0),
  cursor_revision INTEGER NOT NULL CHECK (cursor_revision >= 0)
) STRICT;
INSERT INTO audit_head VALUES (1, 0, zeroblob(32), 1, zeroblob(32), 0, 0, 0);

CREATE TABLE audit_event (
  number INTEGER PRIMARY KEY CHECK (number > 0),
  time_ms INTEGER NOT NULL,
  principal TEXT NOT NULL,
  action TEXT NOT NULL,
  resource TEXT NOT NULL,
  revision INTEGER NOT NULL,
  request_id TEXT NOT NULL,
  outcome INTEGER NOT NULL CHECK (outcome BETWEEN 1 AND 3),  -- done, refused, failed
  detail TEXT NOT NULL,
  source TEXT NOT NULL,
  epoch INTEGER NOT NULL,                       -- the outbox row that it was; ...
  seq INTEGER NOT NULL,                         -- ... 0 when it came directly
  digest BLOB NOT NULL CHECK (length(digest) = 32)
) STRICT;
CREATE UNIQUE INDEX audit_event_by_origin ON audit_event (epoch, seq) WHERE seq > 0;
CREATE INDEX audit_event_by_time ON audit_event (time_ms);
CREATE INDEX audit_event_by_principal ON audit_event (principal, time_ms);
CREATE INDEX audit_event_by_action ON audit_event (action, time_ms);
CREATE INDEX audit_event_by_resource ON audit_event (resource, time_ms) WHERE resource <> '';
