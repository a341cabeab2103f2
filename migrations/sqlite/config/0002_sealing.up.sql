-- Bodies of secrets are sealed: with a key of the key file, which is named beside them.

PRAGMA user_version = 2;

CREATE TABLE sealing (
  only INTEGER PRIMARY KEY CHECK (only = 1),
  hash_key BLOB NOT NULL  -- what secrets are hashed with, itself sealed with a key of the key file
) STRICT;

-- The key that sealed the bytes; null: they are the body itself. The hash of a sealed body is an HMAC-SHA-256.
ALTER TABLE body ADD COLUMN key_id BLOB CHECK (length(key_id) = 8);
CREATE INDEX body_by_key_id ON body (key_id) WHERE key_id IS NOT NULL;
