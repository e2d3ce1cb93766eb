-- For a board that only reads (PUSHFLEET_BOARD_WRITABLE is not set): board.sql without the right to ask for anything.
CREATE USER IF NOT EXISTS 'pushfleet_board'@'${HOST}' IDENTIFIED BY '${PASSWORD}';

GRANT SELECT ON `${BACKEND}`.`notification` TO 'pushfleet_board'@'${HOST}';
GRANT SELECT ON `${BACKEND}`.`notification_token` TO 'pushfleet_board'@'${HOST}';
GRANT SELECT ON `${BACKEND}`.`notification_token_group` TO 'pushfleet_board'@'${HOST}';
GRANT SELECT ON `${BACKEND}`.`token_group_token` TO 'pushfleet_board'@'${HOST}';
-- The device token is read by the look-up of one device alone: it is compared, and no answer holds it.
GRANT SELECT (id, active, token) ON `${BACKEND}`.`token` TO 'pushfleet_board'@'${HOST}';

GRANT SELECT ON `${STATE}`.`pushfleet_fleet` TO 'pushfleet_board'@'${HOST}';
GRANT SELECT ON `${STATE}`.`pushfleet_app` TO 'pushfleet_board'@'${HOST}';
GRANT SELECT ON `${STATE}`.`pushfleet_request` TO 'pushfleet_board'@'${HOST}';
GRANT SELECT ON `${STATE}`.`pushfleet_dispatch` TO 'pushfleet_board'@'${HOST}';
GRANT SELECT ON `${STATE}`.`pushfleet_batch` TO 'pushfleet_board'@'${HOST}';
GRANT SELECT ON `${STATE}`.`pushfleet_outcome` TO 'pushfleet_board'@'${HOST}';
GRANT SELECT ON `${STATE}`.`pushfleet_retirement` TO 'pushfleet_board'@'${HOST}';
GRANT SELECT ON `${STATE}`.`pushfleet_command` TO 'pushfleet_board'@'${HOST}';
