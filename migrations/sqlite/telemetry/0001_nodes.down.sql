DROP TABLE instance;
DROP TABLE nack;
DROP TABLE node_status;
DROP TABLE node;
PRAGMA user_version = 0;
