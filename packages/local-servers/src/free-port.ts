import { type AddressInfo, createServer } from 'node:net';

/**
 * A TCP port of 127.0.0.1 that was free a moment ago. Somebody else may take it before our server does;
 * `onFreePort` is the answer to that.
 */
export function findFreePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as AddressInfo;
      server.close(() => resolve(port));
    });
  });
}

/** A server could not listen because the port was taken. */
export class PortTakenError extends Error {
  override readonly name = 'PortTakenError';
}

/**
 * Calls `start` with `port`, or with free ports until one holds. A port that the caller chose is tried
 * once. Throws PortTakenError when five ports in a row were snatched away, and whatever else `start` throws.
 */
export async function onFreePort<T>(
  port: number | undefined,
  start: (port: number) => Promise<T>,
): Promise<T> {
  if (port) return start(port);
  for (let attempt = 1; ; attempt++) {
    try {
      return await start(await findFreePort());
    } catch (error) {
      if (!(error instanceof PortTakenError) || attempt === 5) throw error;
    }
  }
}

/** Whether a server's log says that it failed because its port was taken (Redis, MariaDB, MySQL, Docker). */
export function saysPortTaken(log: string): boolean {
  return /address already in use|port is already allocated|bind on tcp\/ip port/i.test(log);
}
