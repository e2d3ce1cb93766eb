-- The backend's own tables, as Doctrine makes them for the entities of the old Symfony application:
-- Notification(message, sent, notificationdate; tokens, tokenGroups), Token(token, active), TokenGroup(name; tokens).
-- Pushfleet reads them, sets notification.sent and token.active, and changes nothing else in them.
CREATE TABLE token (
  id INT AUTO_INCREMENT NOT NULL,
  token VARCHAR(255) NOT NULL,
  active TINYINT(1) NOT NULL,
  registered_at DATETIME NULL,
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
  INDEX IDX_TGT_TOKEN (token_id),
  FOREIGN KEY (token_group_id) REFERENCES token_group (id) ON DELETE CASCADE,
  FOREIGN KEY (token_id) REFERENCES token (id) ON DELETE CASCADE
) DEFAULT CHARACTER SET utf8mb4 ENGINE = InnoDB;
CREATE TABLE notification (
  id INT AUTO_INCREMENT NOT NULL,
  message LONGTEXT NOT NULL,
  sent TINYINT(1) NOT NULL,
  notificationdate DATETIME NOT NULL,
  PRIMARY KEY (id)
) DEFAULT CHARACTER SET utf8mb4 ENGINE = InnoDB;
CREATE TABLE notification_token (
  notification_id INT NOT NULL,
  token_id INT NOT NULL,
  PRIMARY KEY (notification_id, token_id),
  INDEX IDX_NT_TOKEN (token_id),
  FOREIGN KEY (notification_id) REFERENCES notification (id) ON DELETE CASCADE,
  FOREIGN KEY (token_id) REFERENCES token (id) ON DELETE CASCADE
) DEFAULT CHARACTER SET utf8mb4 ENGINE = InnoDB;
CREATE TABLE notification_token_group (
  notification_id INT NOT NULL,
  token_group_id INT NOT NULL,
  PRIMARY KEY (notification_id, token_group_id),
  INDEX IDX_NTG_GROUP (token_group_id),
  FOREIGN KEY (notification_id) REFERENCES notification (id) ON DELETE CASCADE,
  FOREIGN KEY (token_group_id) REFERENCES token_group (id) ON DELETE CASCADE
) DEFAULT CHARACTER SET utf8mb4 ENGINE = InnoDB;
