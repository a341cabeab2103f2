DROP TABLE lease;
DROP TABLE job;
PRAGMA user_version = 0;
