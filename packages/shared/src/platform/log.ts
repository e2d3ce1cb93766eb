import { pino } from 'pino';
import type { LogEventAt, LogLevel } from './log-events.ts';

/** Structured log of one process, on stdout. Lines are `event: 'noun.verb'`, ids, and a fixed sentence. */
export type Log = {
  readonly [Level in LogLevel]: (
    facts: { readonly event: LogEventAt<Level>; readonly [fact: string]: unknown },
    sentence: string,
  ) => void;
};

export interface LogOptions {
  readonly level: string;
  /** Undefined: pretty on a terminal, JSON elsewhere. */
  readonly format: 'json' | 'pretty' | undefined;
}

export function createLog(process: 'producer' | 'worker' | 'board' | 'cli', options: LogOptions): Log {
  const pretty = (options.format ?? (globalThis.process.stdout.isTTY ? 'pretty' : 'json')) === 'pretty';
  return pino({
    level: options.level,
    base: { process, pid: globalThis.process.pid },
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label) => ({ level: label }) },
    // An error's own fields may hold SQL with values or a command with arguments: message and code suffice.
    serializers: { err: describeError, error: describeError },
    // No line should hold one. A mistake in one line must still not put a device token into a log.
    hooks: { streamWrite: (line) => line.replace(DEVICE_TOKEN, '[hex]').replace(URL_LOGIN, '://[hidden]@') },
    ...(pretty && {
      transport: {
        target: 'pino-pretty',
        options: { ignore: 'pid,process,event', translateTime: 'SYS:HH:MM:ss.l' },
      },
    }),
  });
}

/**
 * Ends the process with exit code 1 and one line when an error was caught by nobody. Node itself would
 * print the error with all its fields, and so the values of an SQL statement or the arguments of a command.
 */
export function logFatalErrors(log: Log): void {
  const die = (error: unknown) => {
    const at = error instanceof Error ? stackFrames(error) : [];
    log.fatal(
      { event: 'process.crashed', err: error, at },
      'an error that nobody expected; the process ends',
    );
    process.exit(1);
  };
  process.on('uncaughtException', die);
  process.on('unhandledRejection', die);
}

/** The class, code, message and causes of an error, without values that it may carry; with a mend where known. */
export function describeError(error: unknown): unknown {
  if (!(error instanceof Error))
    return { message: typeof error === 'string' ? withoutSecrets(error) : 'not an Error' };
  return {
    type: error.name,
    code: (error as NodeJS.ErrnoException).code,
    message: withoutSecrets(error.message),
    mend: mendOf(error),
    ...(error.cause !== undefined && { cause: describeError(error.cause) }),
  };
}

/** A device token in hex, at least 32 bytes; also with the blanks and brackets of the old spelling. */
const DEVICE_TOKEN = /(?<![0-9a-zA-Z])(?:[0-9a-fA-F]{2}[ <>]?){31,}[0-9a-fA-F]{2}/g;
const LONG_HEX = /[0-9a-fA-F]{32,}/g;
/** 32 bytes or more in base64; both cases are asked for, as paths are mostly lower-case. */
const LONG_BASE64 = /[A-Za-z0-9+/_-]{42,}={0,2}/g;
const URL_LOGIN = /:\/\/[^\s/"'@]*:[^\s/"']*@/g;
/** Values that MySQL's messages quote: duplicate keys, and strings and dates that a column does not take. */
const MYSQL_VALUE =
  /\b(Duplicate entry |Incorrect [\w ]+ value: |Truncated incorrect [\w ]+ value: )'.*?'(?= for | at row|$)/gs;
/** Redis repeats the arguments of a command that it does not know; Node quotes the JSON that it cannot parse. */
const REDIS_ARGUMENTS = /(with args beginning with: ).*/gs;
const JSON_SOURCE = /(?:Unexpected|Bad|Expected) .*?"?.*"(?:\.{3})? is not valid JSON/gs;

/** A foreign message without what may be a device token, a login or a value of a row; at most 2,000 characters. */
export function withoutSecrets(text: string): string {
  return text
    .replace(URL_LOGIN, '://[hidden]@')
    .replace(MYSQL_VALUE, '$1[hidden]')
    .replace(REDIS_ARGUMENTS, '$1[hidden]')
    .replace(JSON_SOURCE, 'the text is not valid JSON')
    .replace(DEVICE_TOKEN, '[hex]')
    .replace(LONG_HEX, '[hex]')
    .replace(LONG_BASE64, (run) => (/[A-Z]/.test(run) && /[a-z]/.test(run) ? '[base64]' : run))
    .slice(0, 2_000);
}

/** An error that may be stored where others read it, as BullMQ stores message and stack of a job's. */
export function withoutValues(error: unknown): Error {
  if (!(error instanceof Error)) return new Error('not an Error');
  const { code, errno } = error as NodeJS.ErrnoException;
  const told = Object.assign(new Error(withoutSecrets(error.message)), { name: error.name, code, errno });
  told.stack = [`${told.name}: ${told.message}`, ...stackFrames(error)].join('\n    ');
  return told;
}

const MISSING_RIGHT: ReadonlySet<number> = new Set([1044, 1142, 1143, 1227, 1370]);

/** What to do about a refusal that only a person can end. */
function mendOf(error: Error): string | undefined {
  const { errno } = error as NodeJS.ErrnoException;
  if (errno !== undefined && MISSING_RIGHT.has(errno))
    return 'give this MySQL user the right that the message names; deploy/grants has all that each user needs';
  if (error.message.startsWith('NOPERM'))
    return 'give this Redis user the right that the message names; deploy/redis/acl.conf has all that each user needs';
  return undefined;
}

/** Where it happened, without the message, which may have several lines. */
function stackFrames(error: Error): string[] {
  return (error.stack ?? '')
    .split('\n')
    .filter((line) => /^\s+at /.test(line))
    .slice(0, 8)
    .map((line) => line.trim());
}
