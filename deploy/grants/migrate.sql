-- pushfleet migrate: makes and upgrades the pushfleet_* tables.
CREATE USER IF NOT EXISTS 'pushfleet_migrate'@'${HOST}' IDENTIFIED BY '${PASSWORD}';

GRANT SELECT ON `${BACKEND}`.`notification` TO 'pushfleet_migrate'@'${HOST}';
GRANT SELECT ON `${BACKEND}`.`notification_token` TO 'pushfleet_migrate'@'${HOST}';
GRANT SELECT ON `${BACKEND}`.`notification_token_group` TO 'pushfleet_migrate'@'${HOST}';
GRANT SELECT ON `${BACKEND}`.`token` TO 'pushfleet_migrate'@'${HOST}';
GRANT SELECT ON `${BACKEND}`.`token_group_token` TO 'pushfleet_migrate'@'${HOST}';

-- On tables that do not exist yet: CREATE is the right that MySQL lets one give beforehand.
GRANT CREATE, ALTER, INDEX, SELECT, INSERT, UPDATE ON `${STATE}`.`pushfleet_fleet` TO 'pushfleet_migrate'@'${HOST}';
GRANT CREATE, ALTER, INDEX, INSERT ON `${STATE}`.`pushfleet_app` TO 'pushfleet_migrate'@'${HOST}';
GRANT CREATE, ALTER, INDEX, INSERT ON `${STATE}`.`pushfleet_command` TO 'pushfleet_migrate'@'${HOST}';
GRANT CREATE, ALTER, INDEX, INSERT ON `${STATE}`.`pushfleet_request` TO 'pushfleet_migrate'@'${HOST}';
GRANT CREATE, ALTER, INDEX, INSERT ON `${STATE}`.`pushfleet_dispatch` TO 'pushfleet_migrate'@'${HOST}';
GRANT CREATE, ALTER, INDEX, INSERT ON `${STATE}`.`pushfleet_batch` TO 'pushfleet_migrate'@'${HOST}';
GRANT CREATE, ALTER, INDEX, INSERT ON `${STATE}`.`pushfleet_outcome` TO 'pushfleet_migrate'@'${HOST}';
GRANT CREATE, ALTER, INDEX, INSERT ON `${STATE}`.`pushfleet_retirement` TO 'pushfleet_migrate'@'${HOST}';
