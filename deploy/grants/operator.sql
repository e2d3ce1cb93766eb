-- The commands for operators: status, explain, device, send, cancel, replay, pause, resume, rate, devices, shadow.
CREATE USER IF NOT EXISTS 'pushfleet_operator'@'${HOST}' IDENTIFIED BY '${PASSWORD}';

GRANT SELECT ON `${BACKEND}`.`notification` TO 'pushfleet_operator'@'${HOST}';
GRANT SELECT ON `${BACKEND}`.`notification_token` TO 'pushfleet_operator'@'${HOST}';
GRANT SELECT ON `${BACKEND}`.`notification_token_group` TO 'pushfleet_operator'@'${HOST}';
GRANT SELECT ON `${BACKEND}`.`token` TO 'pushfleet_operator'@'${HOST}';
GRANT SELECT ON `${BACKEND}`.`token_group_token` TO 'pushfleet_operator'@'${HOST}';

GRANT SELECT ON `${STATE}`.`pushfleet_fleet` TO 'pushfleet_operator'@'${HOST}';
GRANT SELECT ON `${STATE}`.`pushfleet_app` TO 'pushfleet_operator'@'${HOST}';
GRANT SELECT ON `${STATE}`.`pushfleet_request` TO 'pushfleet_operator'@'${HOST}';
GRANT SELECT ON `${STATE}`.`pushfleet_dispatch` TO 'pushfleet_operator'@'${HOST}';
GRANT SELECT ON `${STATE}`.`pushfleet_batch` TO 'pushfleet_operator'@'${HOST}';
GRANT SELECT ON `${STATE}`.`pushfleet_outcome` TO 'pushfleet_operator'@'${HOST}';
GRANT SELECT ON `${STATE}`.`pushfleet_retirement` TO 'pushfleet_operator'@'${HOST}';

-- A wish; a producer carries it out.
GRANT SELECT, INSERT ON `${STATE}`.`pushfleet_command` TO 'pushfleet_operator'@'${HOST}';
