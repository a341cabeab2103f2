-- Bodies of secrets are sealed.

CREATE TABLE config.sealing (
  only_row BOOLEAN PRIMARY KEY DEFAULT TRUE CHECK (only_row),
  hash_key BYTEA NOT NULL  -- what secrets are hashed with, itself sealed with a key of the key file
);

-- The key that sealed the bytes; null: they are the body itself. The hash of a sealed body is an HMAC-SHA-256.
ALTER TABLE config.body ADD COLUMN key_id BYTEA CHECK (length(key_id) = 8);
CREATE INDEX body_by_key_id ON config.body (key_id) WHERE key_id IS NOT NULL;
