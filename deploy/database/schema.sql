-- Tables of a backend, for the database service of docker-compose.yml on its first start. They stand in for what
-- the backend's own migrations make; the names are those that Pushfleet expects without PUSHFLEET_SCHEMA_FILE.
CREATE TABLE token (
  id INT AUTO_INCREMENT NOT NULL,
  token VARCHAR(255) NOT NULL,
  active TINYINT(1) NOT NULL,
  PRIMARY KEY (id)
) DEFAULT CHARACTER SET utf8mb4 ENGINE = InnoDB;

CREATE TABLE token_group (
  id INT AUTO_INCREMENT NOT NULL,
  name VARCHAR(255) NOT NULL,
  PRIMARY KEY (id)
) DEFAULT CHARACTER SET utf8mb4 ENGINE = InnoDB;

CREATE TABLE token_group_token (
  token_group_id INT NOT NULL,
  token_id INT NOT NULL,
  PRIMARY KEY (token_group_id, token_id),
  INDEX by_token (token_id),
  FOREIGN KEY (token_group_id) REFERENCES token_group (id) ON DELETE CASCADE,
  FOREIGN KEY (token_id) REFERENCES token (id) ON DELETE CASCADE
) DEFAULT CHARACTER SET utf8mb4 ENGINE = InnoDB;

CREATE TABLE notification (
  id INT AUTO_INCREMENT NOT NULL,
  message LONGTEXT NOT NULL,
  sent TINYINT(1) NOT NULL,
  notificationdate DATETIME NOT NULL,
  PRIMARY KEY (id),
  -- Without it the producer reads the whole table every time it looks for due rows, and says so.
  INDEX pushfleet_due (sent, notificationdate)
) DEFAULT CHARACTER SET utf8mb4 ENGINE = InnoDB;

CREATE TABLE notification_token (
  notification_id INT NOT NULL,
  token_id INT NOT NULL,
  PRIMARY KEY (notification_id, token_id),
  INDEX by_token (token_id),
  FOREIGN KEY (notification_id) REFERENCES notification (id) ON DELETE CASCADE,
  FOREIGN KEY (token_id) REFERENCES token (id) ON DELETE CASCADE
) DEFAULT CHARACTER SET utf8mb4 ENGINE = InnoDB;

CREATE TABLE notification_token_group (
  notification_id INT NOT NULL,
  token_group_id INT NOT NULL,
  PRIMARY KEY (notification_id, token_group_id),
  INDEX by_group (token_group_id),
  FOREIGN KEY (notification_id) REFERENCES notification (id) ON DELETE CASCADE,
  FOREIGN KEY (token_group_id) REFERENCES token_group (id) ON DELETE CASCADE
) DEFAULT CHARACTER SET utf8mb4 ENGINE = InnoDB;
