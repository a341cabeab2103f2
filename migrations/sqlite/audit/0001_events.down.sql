DROP TABLE audit_event;
DROP TABLE audit_head;
PRAGMA user_version = 0;
