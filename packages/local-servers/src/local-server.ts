/** A private server that this process started and is responsible for. */
export interface LocalServer {
  /** `redis://127.0.0.1:PORT` or `mysql://root@127.0.0.1:PORT/`. */
  readonly url: string;
  readonly port: number;
  /** The server's process; with Docker the `docker run` in front of it. */
  readonly pid: number;
  /** Settles when the process has ended, whoever ended it. */
  readonly exited: Promise<void>;
  /** Asks it to end (SIGTERM) and insists after a deadline (SIGKILL). Safe to call again. */
  stop(): Promise<void>;
  /** Sends a signal. For signals that end a process it waits until the process has ended. */
  kill(signal: NodeJS.Signals): Promise<void>;
}

/** A server did not start, or its directory is in use. The message says what to do. */
export class LocalServerError extends Error {
  readonly code = 'PUSHFLEET_LOCAL_SERVER';
  override readonly name = 'LocalServerError';
}

/** A program that we need is neither installed nor could it be installed. */
export class MissingProgramError extends Error {
  readonly code = 'PUSHFLEET_MISSING_PROGRAM';
  override readonly name = 'MissingProgramError';
}
