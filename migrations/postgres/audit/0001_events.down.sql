DROP TABLE audit.event;
DROP TABLE audit.head;
