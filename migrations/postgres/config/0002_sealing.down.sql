-- Refused while secrets are stored, in history too: without sealing they cannot be kept.
CREATE TABLE config.sealed_bodies (
  count BIGINT NOT NULL,
  CONSTRAINT "secrets are stored, in history too; without sealing they cannot be kept" CHECK (count = 0)
);
INSERT INTO config.sealed_bodies SELECT count(*) FROM config.body WHERE key_id IS NOT NULL;
DROP TABLE config.sealed_bodies;

DROP INDEX config.body_by_key_id;
ALTER TABLE config.body DROP COLUMN key_id;
DROP TABLE config.sealing;
