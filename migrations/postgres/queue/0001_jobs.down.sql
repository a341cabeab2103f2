DROP TABLE queue.lease;
DROP TABLE queue.job;
