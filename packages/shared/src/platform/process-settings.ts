import type { SettingName } from './settings.ts';

/** Which settings each process reads. A setting of another process is ignored, so one `.env` serves all. */
const common = ['PUSHFLEET_LOG_LEVEL', 'PUSHFLEET_LOG_FORMAT'] as const;
const mysql = [
  'PUSHFLEET_MYSQL_URL',
  'PUSHFLEET_MYSQL_PASSWORD',
  'PUSHFLEET_MYSQL_CA_FILE',
  'PUSHFLEET_STATE_DATABASE',
] as const;
const redis = [
  'PUSHFLEET_REDIS_URL',
  'PUSHFLEET_REDIS_PASSWORD',
  'PUSHFLEET_REDIS_CA_FILE',
  'PUSHFLEET_REDIS_PREFIX',
] as const;
const backend = [
  'PUSHFLEET_SCHEMA_FILE',
  'PUSHFLEET_TIMEZONE',
  'PUSHFLEET_MAX_AGE',
  'PUSHFLEET_APP',
  'PUSHFLEET_APPS_FILE',
  'PUSHFLEET_APNS_TOPIC',
  'PUSHFLEET_APNS_ENVIRONMENT',
] as const;

export const producerSettings = [
  ...common,
  ...mysql,
  ...redis,
  ...backend,
  'PUSHFLEET_POLL_INTERVAL_MS',
  'PUSHFLEET_BATCH_SIZE',
  'PUSHFLEET_QUEUE_LIMIT',
  'PUSHFLEET_URGENT_MAX_RECIPIENTS',
  'PUSHFLEET_RATE_PER_SECOND',
  'PUSHFLEET_ON_SENT_RESET',
  'PUSHFLEET_RETIRE_REASONS',
  'PUSHFLEET_BRAKE_SHARE',
  'PUSHFLEET_BRAKE_MIN',
  'PUSHFLEET_RETENTION',
  'PUSHFLEET_DRAIN_TIMEOUT_MS',
  'PUSHFLEET_HTTP_PORT',
  'PUSHFLEET_HTTP_HOST',
] as const satisfies readonly SettingName[];

export const workerSettings = [
  ...common,
  ...redis,
  'PUSHFLEET_APP',
  'PUSHFLEET_APNS_ENVIRONMENT',
  'PUSHFLEET_APNS_URL',
  'PUSHFLEET_APNS_CA_FILE',
  'PUSHFLEET_APNS_PROXY',
  'PUSHFLEET_APNS_KEY',
  'PUSHFLEET_APNS_KEY_ID',
  'PUSHFLEET_APNS_TEAM_ID',
  'PUSHFLEET_APNS_CERT',
  'PUSHFLEET_APNS_CERT_KEY',
  'PUSHFLEET_APNS_CERT_PASSPHRASE',
  'PUSHFLEET_APNS_TOPIC',
  'PUSHFLEET_APNS_SESSION',
  'PUSHFLEET_MAX_IN_FLIGHT',
  'PUSHFLEET_MAX_ATTEMPTS',
  'PUSHFLEET_RETRY_DELAYS',
  'PUSHFLEET_DRAIN_TIMEOUT_MS',
  'PUSHFLEET_HTTP_PORT',
  'PUSHFLEET_HTTP_HOST',
] as const satisfies readonly SettingName[];

/** What the board's overview looks into; without PUSHFLEET_MYSQL_URL there is none, and none of these is read. */
export const overviewSettings = [
  ...mysql,
  'PUSHFLEET_SCHEMA_FILE',
  'PUSHFLEET_TIMEZONE',
  'PUSHFLEET_MAX_AGE',
  'PUSHFLEET_APP',
] as const satisfies readonly SettingName[];

export const boardSettings = [
  ...common,
  ...redis,
  'PUSHFLEET_APP',
  'PUSHFLEET_APPS_FILE',
  'PUSHFLEET_BOARD_HOST',
  'PUSHFLEET_BOARD_PORT',
  'PUSHFLEET_BOARD_BASE_PATH',
  'PUSHFLEET_BOARD_TRUSTED_PROXIES',
  'PUSHFLEET_BOARD_USER',
  'PUSHFLEET_BOARD_PASSWORD',
  'PUSHFLEET_BOARD_WRITABLE',
  'PUSHFLEET_BOARD_SHOW_PAYLOAD',
  'PUSHFLEET_DRAIN_TIMEOUT_MS',
] as const satisfies readonly SettingName[];

/** What the tools that only look into MySQL need (`status`, `explain`, `devices`, …). */
export const toolSettings = [
  ...common,
  ...mysql,
  'PUSHFLEET_SCHEMA_FILE',
  'PUSHFLEET_TIMEZONE',
  'PUSHFLEET_MAX_AGE',
  'PUSHFLEET_APP',
  'PUSHFLEET_RATE_PER_SECOND',
] as const satisfies readonly SettingName[];
