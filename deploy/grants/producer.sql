-- pushfleet producer.
CREATE USER IF NOT EXISTS 'pushfleet_producer'@'${HOST}' IDENTIFIED BY '${PASSWORD}';

-- The backend's tables. A mapped sentAt column: UPDATE (sent, that_column).
GRANT SELECT, UPDATE (sent) ON `${BACKEND}`.`notification` TO 'pushfleet_producer'@'${HOST}';
GRANT SELECT ON `${BACKEND}`.`notification_token` TO 'pushfleet_producer'@'${HOST}';
GRANT SELECT ON `${BACKEND}`.`notification_token_group` TO 'pushfleet_producer'@'${HOST}';
GRANT SELECT, UPDATE (active) ON `${BACKEND}`.`token` TO 'pushfleet_producer'@'${HOST}';
GRANT SELECT ON `${BACKEND}`.`token_group_token` TO 'pushfleet_producer'@'${HOST}';

-- Ours. DELETE takes back claims of rows that were mended, and removes what is older than PUSHFLEET_RETENTION.
GRANT SELECT ON `${STATE}`.`pushfleet_fleet` TO 'pushfleet_producer'@'${HOST}';
GRANT SELECT, INSERT, UPDATE ON `${STATE}`.`pushfleet_app` TO 'pushfleet_producer'@'${HOST}';
GRANT SELECT, UPDATE, DELETE ON `${STATE}`.`pushfleet_command` TO 'pushfleet_producer'@'${HOST}';
GRANT SELECT, DELETE ON `${STATE}`.`pushfleet_request` TO 'pushfleet_producer'@'${HOST}';
GRANT SELECT, INSERT, UPDATE, DELETE ON `${STATE}`.`pushfleet_dispatch` TO 'pushfleet_producer'@'${HOST}';
GRANT SELECT, INSERT, UPDATE, DELETE ON `${STATE}`.`pushfleet_batch` TO 'pushfleet_producer'@'${HOST}';
GRANT SELECT, INSERT, UPDATE, DELETE ON `${STATE}`.`pushfleet_outcome` TO 'pushfleet_producer'@'${HOST}';
GRANT SELECT, INSERT, UPDATE, DELETE ON `${STATE}`.`pushfleet_retirement` TO 'pushfleet_producer'@'${HOST}';
