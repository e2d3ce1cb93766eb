/** From the network and from mysql2: nobody answers at the address. */
const AWAY: ReadonlySet<string> = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'EPIPE',
  'ETIMEDOUT',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENOTFOUND', // the name of a container that is not started yet
  'EAI_AGAIN',
  'PROTOCOL_CONNECTION_LOST',
  'PROTOCOL_SEQUENCE_TIMEOUT',
]);

/** Too many connections (of all, of this user), the server shuts down, it has ended this connection. */
const BUSY_OR_LEAVING: ReadonlySet<number> = new Set([1040, 1203, 1053, 1927]);

/** Whether MySQL is not there at the moment; false for what a person has to mend. */
export function isMysqlAway(error: unknown): boolean {
  const { code, errno } = (error ?? {}) as { code?: string; errno?: number };
  return AWAY.has(code ?? '') || BUSY_OR_LEAVING.has(errno ?? 0);
}
