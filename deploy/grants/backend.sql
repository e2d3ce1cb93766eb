-- What the backend's own account needs, for SQL and for the Node library.
CREATE USER IF NOT EXISTS 'backend'@'${HOST}' IDENTIFIED BY '${PASSWORD}';

-- Its own tables; it will have more than this. The library takes a row back (DELETE) when another call with the same key was first.
GRANT SELECT, INSERT, DELETE ON `${BACKEND}`.`notification` TO 'backend'@'${HOST}';
GRANT SELECT, INSERT ON `${BACKEND}`.`notification_token` TO 'backend'@'${HOST}';
GRANT SELECT, INSERT ON `${BACKEND}`.`notification_token_group` TO 'backend'@'${HOST}';
GRANT SELECT ON `${BACKEND}`.`token_group_token` TO 'backend'@'${HOST}';
-- INSERT and UPDATE only for registerUnknown.
GRANT SELECT, INSERT, UPDATE ON `${BACKEND}`.`token` TO 'backend'@'${HOST}';

-- Options; UPDATE only for the library, which asks for the row of a repeated key.
GRANT SELECT, INSERT, UPDATE ON `${STATE}`.`pushfleet_request` TO 'backend'@'${HOST}';
-- Cancelling, and what became of it.
GRANT SELECT, INSERT ON `${STATE}`.`pushfleet_command` TO 'backend'@'${HOST}';
GRANT SELECT ON `${STATE}`.`pushfleet_dispatch` TO 'backend'@'${HOST}';
GRANT SELECT ON `${STATE}`.`pushfleet_batch` TO 'backend'@'${HOST}';
GRANT SELECT ON `${STATE}`.`pushfleet_outcome` TO 'backend'@'${HOST}';
