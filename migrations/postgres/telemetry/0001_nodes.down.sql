DROP TABLE telemetry.instance;
DROP TABLE telemetry.nack;
DROP TABLE telemetry.node_status;
DROP TABLE telemetry.node;
