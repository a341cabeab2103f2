-- Without the hash key no secret could be read again.
CREATE TABLE sealed_bodies (
  count INTEGER NOT NULL,
  CONSTRAINT "secrets are stored, in history too; without sealing they cannot be kept" CHECK (count = 0)
) STRICT;
INSERT INTO sealed_bodies SELECT count(*) FROM body WHERE key_id IS NOT NULL;
DROP TABLE sealed_bodies;

DROP INDEX body_by_key_id;
ALTER TABLE body DROP COLUMN key_id;
DROP TABLE sealing;
PRAGMA user_version = 1;
