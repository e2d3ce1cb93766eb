import { createServer } from 'node:net';
import { findFreePort } from '@pushfleet/local-servers/free-port';
import { CommandFailure } from '../failure.ts';
import type { Settings } from './check-settings.ts';

const USUAL_PORT = 3100;

/** The board's port: the one that is configured, else 3100, else a free one. @throws CommandFailure where it is taken */
export async function chooseBoardPort(given: Settings): Promise<number> {
  const configured = given.PUSHFLEET_BOARD_PORT;
  if (configured !== undefined) {
    if (await isFree(Number(configured))) return Number(configured);
    throw new CommandFailure(`PUSHFLEET_BOARD_PORT: port ${configured} is taken; choose another`, 2);
  }
  return (await isFree(USUAL_PORT)) ? USUAL_PORT : findFreePort();
}

/** The address for a browser on this machine. */
export function boardUrl(given: Settings, port: number): string {
  const host = given.PUSHFLEET_BOARD_HOST ?? '127.0.0.1';
  const reachable =
    host === '0.0.0.0' || host === '::' ? '127.0.0.1' : host.includes(':') ? `[${host}]` : host;
  return new URL(given.PUSHFLEET_BOARD_BASE_PATH ?? '/', `http://${reachable}:${port}`).href;
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}
