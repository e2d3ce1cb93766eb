import { isIP } from 'node:net';
import { z } from 'zod';
import { parseDuration } from '../domain/duration.ts';
import { isTimeZone } from '../domain/wall-time.ts';
import { mysqlUrl } from './mysql-url.ts';
import { redisUrl } from './redis-url.ts';

/**
 * Every setting of every process, one line each: its rule and its default. A process names the ones
 * it reads in `process-settings.ts`.
 */

const text = z.string().min(1);
const duration = z.string().transform((value, context) => {
  const ms = parseDuration(value);
  if (ms === null || ms <= 0)
    context.addIssue({ code: 'custom', message: 'is no duration such as 90s, 5m, 24h or 30d' });
  return ms ?? 0;
});
const durations = z.string().transform((value, context) => {
  const list = value.split(',').map(parseDuration);
  if (list.some((ms) => ms === null || ms <= 0))
    context.addIssue({ code: 'custom', message: 'is no list of durations such as 1s,5s,30s' });
  return list.map((ms) => ms ?? 0);
});
const flag = z
  .enum(['true', 'false', '1', '0'], 'must be true or false')
  .transform((v) => v === 'true' || v === '1');
const integer = (min: number, max: number) =>
  z
    .string()
    .regex(/^\d+$/, 'is no whole number')
    .transform(Number)
    .pipe(z.int().min(min, `must be at least ${min}`).max(max, `must be at most ${max}`));
const names = z.string().transform((value) =>
  value
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== ''),
);
const networks = names.superRefine((list, context) => {
  for (const given of list)
    if (!isNetwork(given))
      context.addIssue({
        code: 'custom',
        message: `holds ${given}, which is no address, network such as 172.18.0.0/16, or loopback`,
      });
});
const port = integer(0, 65535);
const appName = z
  .string()
  .regex(/^[a-zA-Z0-9][a-zA-Z0-9_.-]{0,62}$/, 'must be 1 to 63 letters, digits, dots, dashes or underscores');

export const settings = {
  PUSHFLEET_MYSQL_URL: mysqlUrl,
  PUSHFLEET_MYSQL_PASSWORD: text.optional(),
  PUSHFLEET_MYSQL_CA_FILE: text.optional(),
  PUSHFLEET_STATE_DATABASE: z
    .string()
    .regex(/^[^`\p{Cc}.\s][^`\p{Cc}.]{0,63}$/u, 'is no name of a database')
    .optional(),
  PUSHFLEET_REDIS_URL: redisUrl,
  PUSHFLEET_REDIS_PASSWORD: text.optional(),
  PUSHFLEET_REDIS_CA_FILE: text.optional(),
  PUSHFLEET_REDIS_PREFIX: z
    .string()
    .regex(/^[a-zA-Z0-9_.-]{1,40}$/, 'must be 1 to 40 letters, digits, dots, dashes or underscores')
    .default('pushfleet'),
  PUSHFLEET_SCHEMA_FILE: text.optional(),
  PUSHFLEET_APP: appName.default('default'),
  PUSHFLEET_APPS_FILE: text.optional(),
  PUSHFLEET_APNS_ENVIRONMENT: z.enum(['production', 'sandbox'], 'must be production or sandbox'),
  PUSHFLEET_APNS_URL: z.url({ protocol: /^https$/, error: 'must look like https://host:port' }).optional(),
  PUSHFLEET_APNS_CA_FILE: text.optional(),
  PUSHFLEET_APNS_PROXY: z.url({ protocol: /^http$/, error: 'must look like http://host:port' }).optional(),
  PUSHFLEET_APNS_KEY: text.optional(),
  PUSHFLEET_APNS_KEY_ID: z
    .string()
    .regex(/^[A-Z0-9]{10}$/, 'must be the ten characters of the key id')
    .optional(),
  PUSHFLEET_APNS_TEAM_ID: z
    .string()
    .regex(/^[A-Z0-9]{10}$/, 'must be the ten characters of the team id')
    .optional(),
  PUSHFLEET_APNS_CERT: text.optional(),
  PUSHFLEET_APNS_CERT_KEY: text.optional(),
  PUSHFLEET_APNS_CERT_PASSPHRASE: text.optional(),
  PUSHFLEET_APNS_TOPIC: z.string().regex(/^[\w.-]{1,200}$/, 'must be a bundle id such as com.example.app'),
  PUSHFLEET_APNS_SESSION: z.enum(['node-apn', 'native'], 'must be node-apn or native').default('node-apn'),
  PUSHFLEET_POLL_INTERVAL_MS: integer(10, 60_000).default(250),
  PUSHFLEET_TIMEZONE: z.string().refine(isTimeZone, 'is no time zone such as Europe/Berlin').default('UTC'),
  PUSHFLEET_MAX_AGE: z.union([z.literal('today'), duration]).default(86_400_000),
  PUSHFLEET_BATCH_SIZE: integer(1, 2_000).default(500),
  PUSHFLEET_MAX_IN_FLIGHT: integer(1, 5_000).default(1_000),
  PUSHFLEET_QUEUE_LIMIT: integer(100, 5_000_000).default(50_000),
  PUSHFLEET_URGENT_MAX_RECIPIENTS: integer(0, 100_000).default(100),
  PUSHFLEET_RATE_PER_SECOND: z
    .union([z.literal('off').transform(() => null), integer(1, 1_000_000)])
    .default(null),
  PUSHFLEET_ON_SENT_RESET: z.enum(['report', 'resend'], 'must be report or resend').default('report'),
  PUSHFLEET_MAX_ATTEMPTS: integer(1, 1_000).default(8),
  PUSHFLEET_RETRY_DELAYS: durations.default([1_000, 5_000, 30_000, 120_000, 300_000, 900_000]),
  PUSHFLEET_RETIRE_REASONS: names.default(['Unregistered', 'ExpiredToken']),
  PUSHFLEET_BRAKE_SHARE: z
    .string()
    .regex(/^(0(\.\d+)?|1(\.0+)?)$/, 'must be a share between 0 and 1')
    .transform(Number)
    .default(0.2),
  PUSHFLEET_BRAKE_MIN: integer(1, 1_000_000).default(100),
  PUSHFLEET_RETENTION: duration.default(30 * 86_400_000),
  PUSHFLEET_DRAIN_TIMEOUT_MS: integer(0, 3_600_000).default(25_000),
  PUSHFLEET_HTTP_PORT: port.default(0),
  PUSHFLEET_HTTP_HOST: text.optional(),
  PUSHFLEET_BOARD_HOST: text.default('127.0.0.1'),
  PUSHFLEET_BOARD_PORT: port.default(3100),
  PUSHFLEET_BOARD_BASE_PATH: z
    .string()
    .regex(/^\/([\w.-]+\/?)*$/, 'must be a path that starts with /')
    .default('/'),
  PUSHFLEET_BOARD_TRUSTED_PROXIES: networks.default([]),
  PUSHFLEET_BOARD_USER: text.optional(),
  PUSHFLEET_BOARD_PASSWORD: text.optional(),
  PUSHFLEET_BOARD_WRITABLE: flag.default(false),
  PUSHFLEET_BOARD_SHOW_PAYLOAD: flag.default(false),
  PUSHFLEET_LOG_LEVEL: z
    .enum(['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'], 'must be a pino level')
    .default('info'),
  PUSHFLEET_LOG_FORMAT: z.enum(['json', 'pretty'], 'must be json or pretty').optional(),
} as const;

/** An address, a network, or the name of all addresses of this machine itself. */
function isNetwork(given: string): boolean {
  if (given === 'loopback') return true;
  const [address = '', bits, ...more] = given.split('/');
  const version = isIP(address);
  if (version === 0 || more.length > 0) return false;
  const most = version === 4 ? 32 : 128;
  return bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) >= 1 && Number(bits) <= most);
}

export type SettingName = keyof typeof settings;

/** Secrets: each may also be given as NAME_FILE, the path of a file that holds it. */
export const SECRETS: readonly SettingName[] = [
  'PUSHFLEET_MYSQL_PASSWORD',
  'PUSHFLEET_REDIS_PASSWORD',
  'PUSHFLEET_APNS_KEY',
  'PUSHFLEET_APNS_CERT',
  'PUSHFLEET_APNS_CERT_KEY',
  'PUSHFLEET_APNS_CERT_PASSPHRASE',
  'PUSHFLEET_BOARD_PASSWORD',
];
