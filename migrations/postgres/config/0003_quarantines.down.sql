-- What was refused is sent once more, and refused again.
DROP TABLE config.quarantine;
DROP TABLE config.quarantined_node;
