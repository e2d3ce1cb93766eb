CREATE TABLE devices (
  uuid BINARY(16) NOT NULL PRIMARY KEY,
  hex VARCHAR(512) NOT NULL,
  status ENUM('on', 'off') NOT NULL,
  env VARCHAR(10) NULL
) DEFAULT CHARACTER SET utf8mb4 ENGINE = InnoDB;
CREATE TABLE `order-messages` (
  uuid CHAR(36) CHARACTER SET ascii NOT NULL PRIMARY KEY,
  `text body` TEXT NOT NULL,
  state VARCHAR(10) NOT NULL,
  send_at DATETIME NOT NULL,
  headline VARCHAR(100) NULL,
  badge INT NULL,
  sound VARCHAR(30) NULL,
  extra JSON NULL,
  kind VARCHAR(20) NULL,
  prio TINYINT NULL,
  expires DATETIME NULL,
  collapse VARCHAR(64) NULL,
  thread VARCHAR(64) NULL,
  cat VARCHAR(64) NULL,
  lane VARCHAR(10) NULL,
  done_at DATETIME NULL,
  INDEX due (state, send_at)
) DEFAULT CHARACTER SET utf8mb4 ENGINE = InnoDB;
CREATE TABLE message_devices (
  message CHAR(36) CHARACTER SET ascii NOT NULL,
  device BINARY(16) NOT NULL,
  PRIMARY KEY (message, device)
) ENGINE = InnoDB;
CREATE TABLE message_lists (
  message CHAR(36) CHARACTER SET ascii NOT NULL,
  list VARCHAR(20) NOT NULL,
  PRIMARY KEY (message, list)
) ENGINE = InnoDB;
CREATE TABLE list_devices (
  list VARCHAR(20) NOT NULL,
  device BINARY(16) NOT NULL,
  PRIMARY KEY (list, device)
) ENGINE = InnoDB;
