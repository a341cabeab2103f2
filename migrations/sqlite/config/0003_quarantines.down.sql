-- What was refused is sent once more, and refused again.
DROP TABLE quarantine;
DROP TABLE quarantined_node;
PRAGMA user_version = 2;
