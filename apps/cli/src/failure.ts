/** A command cannot do what was asked. The sentence says what to do; nobody needs a stack trace. */
export class CommandFailure extends Error {
  readonly code = 'PUSHFLEET_COMMAND';
  constructor(
    message: string,
    /** 1 failed, 2 wrong use or configuration. */
    readonly exitCode: 1 | 2 = 1,
  ) {
    super(message);
  }
}

/** Configuration faults; another start changes nothing about them. */
const CONFIGURATION_CODES = new Set(['PUSHFLEET_CONFIGURATION', 'PUSHFLEET_BACKEND_SCHEMA']);

const UNREACHABLE = new Set([
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'ETIMEDOUT',
  'EHOSTUNREACH',
  'ECONNRESET',
]);

/** As mysql2 names them: the server has no TLS, or its certificate does not pass. */
const TLS_FAILURES = new Set(['HANDSHAKE_NO_SSL_SUPPORT', 'HANDSHAKE_SSL_ERROR']);

/** What to do about MySQL's own refusals, by its error number. */
const MYSQL_ADVICE: ReadonlyMap<number, string> = new Map([
  [
    1044,
    'give this user rights on the database (deploy/grants has all that each user needs), or mend PUSHFLEET_MYSQL_URL',
  ],
  [1045, 'mend user and password in PUSHFLEET_MYSQL_URL (or PUSHFLEET_MYSQL_PASSWORD)'],
  [1049, 'make the database, or mend PUSHFLEET_MYSQL_URL (or PUSHFLEET_STATE_DATABASE)'],
  [1142, 'give this user the right that is missing; deploy/grants has all that each user needs'],
  [1143, 'give this user the right that is missing; deploy/grants has all that each user needs'],
  [1698, 'mend user and password in PUSHFLEET_MYSQL_URL (or PUSHFLEET_MYSQL_PASSWORD)'],
]);

/** Says on stderr what went wrong and what to do. @returns the exit code */
export function reportFailure(error: unknown): number {
  const { message, exitCode } = describeFailure(error);
  process.stderr.write(`pushfleet: ${message}\n`);
  return exitCode;
}

export function describeFailure(error: unknown): { message: string; exitCode: number } {
  if (error instanceof CommandFailure) return { message: error.message, exitCode: error.exitCode };
  if (!(error instanceof Error)) return { message: String(error), exitCode: 1 };
  const { code, errno, address, port } = error as NodeJS.ErrnoException & { address?: string; port?: number };
  if (code?.startsWith('PUSHFLEET_'))
    return { message: error.message, exitCode: CONFIGURATION_CODES.has(code) ? 2 : 1 };
  // The migrations' library wraps what MySQL said.
  if (errno === undefined && error.cause instanceof Error) return describeFailure(error.cause);
  const advice = MYSQL_ADVICE.get(errno ?? 0);
  if (advice !== undefined) return { message: `MySQL refuses: ${error.message}; ${advice}`, exitCode: 1 };
  if (code !== undefined && TLS_FAILURES.has(code))
    return {
      message:
        `TLS to MySQL failed (${error.message}): mend PUSHFLEET_MYSQL_CA_FILE (the CA of the server's certificate), ` +
        'the host (a name in that certificate) or ssl-mode in PUSHFLEET_MYSQL_URL',
      exitCode: 1,
    };
  if (code !== undefined && UNREACHABLE.has(code)) {
    const server = address === undefined ? 'a server' : `the server at ${address}:${port}`;
    return {
      message: `${server} cannot be reached (${code}): start it, or mend PUSHFLEET_MYSQL_URL and PUSHFLEET_REDIS_URL`,
      exitCode: 1,
    };
  }
  return { message: error.stack ?? error.message, exitCode: 1 };
}
