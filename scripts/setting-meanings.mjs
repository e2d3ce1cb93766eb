/** What each setting means, for docs/configuration.md. `npm run generate` fails when one is missing or gone. */
export const MEANINGS = {
  PUSHFLEET_MYSQL_URL:
    "The backend's MySQL or MariaDB: `mysql://user[:password]@host:port/database?ssl-mode=MODE`; MODE is `DISABLED`, `PREFERRED` (the default), `REQUIRED`, `VERIFY_CA` or `VERIFY_IDENTITY`. Any other parameter is refused.",
  PUSHFLEET_MYSQL_PASSWORD: 'Its password, where the URL has none.',
  PUSHFLEET_MYSQL_CA_FILE: 'PEM of the CA that signed its certificate.',
  PUSHFLEET_STATE_DATABASE: 'Another database of the same server for the `pushfleet_*` tables.',
  PUSHFLEET_REDIS_URL:
    '`redis://`, `rediss://` (TLS), `redis+sentinel://h1,h2/master`, or several separated by commas for Cluster. It must be append-only with `maxmemory-policy noeviction`; producer and worker refuse another.',
  PUSHFLEET_REDIS_PASSWORD: 'Its password, where the URL has none.',
  PUSHFLEET_REDIS_CA_FILE: 'PEM of the CA that signed its certificate.',
  PUSHFLEET_REDIS_PREFIX: 'Beginning of all keys: keeps two installations in one Redis apart.',
  PUSHFLEET_SCHEMA_FILE:
    "JSON with the names of the backend's tables and columns, where they are not the default ones ([JSON Schema](schema-mapping.schema.json)).",
  PUSHFLEET_APP: "The app that a worker serves; the producer's default app.",
  PUSHFLEET_APPS_FILE:
    'JSON with several apps: `{"apps": [{"name", "topic", "environment", "badge", "sound"}]}`. With it the producer needs no topic and environment of its own.',
  PUSHFLEET_APNS_ENVIRONMENT: '`production` (App Store, TestFlight) or `sandbox` (builds from Xcode).',
  PUSHFLEET_APNS_URL:
    'Another address, `https://host:port`: a simulator, or port 2197 of Apple. Without it the one of the environment.',
  PUSHFLEET_APNS_CA_FILE: "PEM of a CA to trust besides the system's.",
  PUSHFLEET_APNS_PROXY: '`http://host:port`: a proxy that understands CONNECT.',
  PUSHFLEET_APNS_KEY: 'Token authentication: the text of the .p8 file (`PUSHFLEET_APNS_KEY_FILE`: its path).',
  PUSHFLEET_APNS_KEY_ID: 'The ten characters that name the key.',
  PUSHFLEET_APNS_TEAM_ID: 'The ten characters that name the team.',
  PUSHFLEET_APNS_CERT:
    'Certificate authentication instead: PEM, the private key may be in it. Exactly one kind of credential must be set.',
  PUSHFLEET_APNS_CERT_KEY: 'PEM of its private key, where it is in a file of its own.',
  PUSHFLEET_APNS_CERT_PASSPHRASE: 'Passphrase of that key.',
  PUSHFLEET_APNS_TOPIC: 'Bundle id of the app.',
  PUSHFLEET_APNS_SESSION:
    'The HTTP/2 client of the connection to APNs: `node-apn`, or our own, `native`, with which a worker needs a sixth of the CPU (docs/decisions/0015).',
  PUSHFLEET_POLL_INTERVAL_MS: 'How often the producer looks for due rows.',
  PUSHFLEET_TIMEZONE:
    'The zone in which the backend writes its DATETIME columns. A column of type TIMESTAMP is UTC whatever this says.',
  PUSHFLEET_MAX_AGE:
    'How old a due row may be and still be sent: a duration, or `today` for "since midnight in that zone". Older ones are counted, not sent. It is also how long a notification without an expiry is tried, but at least a day.',
  PUSHFLEET_BATCH_SIZE: 'Most recipients of a batch.',
  PUSHFLEET_MAX_IN_FLIGHT: "Most requests in flight on a worker's connection; never more than APNs allows.",
  PUSHFLEET_QUEUE_LIMIT: 'Most recipients of an app in one lane of Redis. The rest waits in MySQL.',
  PUSHFLEET_URGENT_MAX_RECIPIENTS:
    'Audiences up to this size take the urgent lane, unless the notification says which lane it takes.',
  PUSHFLEET_RATE_PER_SECOND:
    'Pushes per second of an app over all workers, or `off`. `pushfleet rate` overrides it until `pushfleet rate default`.',
  PUSHFLEET_ON_SENT_RESET:
    'A row that is done and whose `sent` was set back with the same due time: `report` leaves it, `resend` sends it again. With a new due time it is always sent again.',
  PUSHFLEET_MAX_ATTEMPTS:
    'Answered attempts after which a recipient has failed. A 5xx during an outage of APNs is never the last one.',
  PUSHFLEET_RETRY_DELAYS:
    'Waits before the next attempts; the last one repeats. Retry-After of APNs wins, and jitter only adds.',
  PUSHFLEET_RETIRE_REASONS: "Reasons of APNs' that switch a device token off, separated by commas.",
  PUSHFLEET_BRAKE_SHARE:
    'A notification of whose answers more than this share is BadDeviceToken or DeviceTokenNotForTopic is held: `pushfleet resume ID` or `cancel ID` decides.',
  PUSHFLEET_BRAKE_MIN: 'Answers of a notification from which on the brake looks at their share.',
  PUSHFLEET_RETENTION:
    'Age at which `pushfleet_*` rows of ended notifications are removed; at least twice the maximum age.',
  PUSHFLEET_DRAIN_TIMEOUT_MS:
    'Time to finish after SIGTERM. Whoever stops the process must wait longer before it kills.',
  PUSHFLEET_HTTP_PORT:
    'Port of `/health/live`, `/health/ready`, `/metrics`, and of the producer `/scaling/<app>`; 0 is none. The image sets 9464.',
  PUSHFLEET_HTTP_HOST:
    'Address that this port is opened on, such as `127.0.0.1` where Prometheus runs on the same machine. Without it, all addresses of the machine, as a container needs it.',
  PUSHFLEET_BOARD_HOST: 'Address that the board listens on. Another than loopback needs a login.',
  PUSHFLEET_BOARD_PORT: 'Its port.',
  PUSHFLEET_BOARD_BASE_PATH:
    'What stands before `/queues` in the address, where a proxy puts the board under a path.',
  PUSHFLEET_BOARD_TRUSTED_PROXIES:
    'Proxies whose word counts for where a request comes from (`X-Forwarded-For`, `-Proto`, `-Host`): addresses and networks, or `loopback`, separated by commas ([board.md](board.md#behind-a-proxy)).',
  PUSHFLEET_BOARD_USER: 'Login.',
  PUSHFLEET_BOARD_PASSWORD: 'Its password.',
  PUSHFLEET_BOARD_WRITABLE:
    '`true` lets people retry failed jobs, and pause, resume, cancel and restore on the overview.',
  PUSHFLEET_BOARD_SHOW_PAYLOAD:
    '`true` shows the payloads of jobs and of notifications, and the collapse ids that the backend chose.',
  PUSHFLEET_LOG_LEVEL: '`trace`, `debug`, `info`, `warn`, `error`, `fatal` or `silent`.',
  PUSHFLEET_LOG_FORMAT: '`json` or `pretty`. Without it pretty on a terminal, JSON elsewhere.',
};
