import { pino } from 'pino';

/** Structured log of one process, on stdout. Lines are `event: 'noun.verb'`, ids, and a fixed sentence. */
export type Log = pino.Logger;

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
    ...(pretty && {
      transport: {
        target: 'pino-pretty',
        options: { ignore: 'pid,process,event', translateTime: 'SYS:HH:MM:ss.l' },
      },
    }),
  });
}

/** The class, code, message and causes of an error, without values that it may carry. */
export function describeError(error: unknown): unknown {
  if (!(error instanceof Error)) return { message: typeof error === 'string' ? error : 'not an Error' };
  return {
    type: error.name,
    code: (error as NodeJS.ErrnoException).code,
    message: withoutDeviceTokens(error.message),
    ...(error.cause !== undefined && { cause: describeError(error.cause) }),
  };
}

/** Long runs of hex digits in foreign messages may be a device token. */
export function withoutDeviceTokens(text: string): string {
  return text.replace(/[0-9a-fA-F]{32,}/g, '[hex]').slice(0, 2_000);
}
