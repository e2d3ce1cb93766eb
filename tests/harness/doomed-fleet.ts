/** A whole fleet, board included, on servers that a test may take away; APNs behind a line that it may cut. */

import { startRelay } from './apns-peers.ts';
import { insertGroup, insertTokens, range } from './backend-rows.ts';
import { deviceToken } from './fleet.ts';
import { type FleetProcess, startProcess } from './fleet-process.ts';
import { type FleetOnOwnRedis, startFleetOnOwnRedis } from './flushed-broadcast.ts';
import { type PrivateMysql, startPrivateMysql } from './private-mysql.ts';

export interface Running {
  readonly producer: FleetProcess;
  readonly worker: FleetProcess;
  readonly board: FleetProcess;
}

/** How a process ended after the signal: exit code (or signal) and milliseconds. */
export interface Ending {
  readonly name: string;
  readonly code: number | string;
  readonly ms: number;
}

export type Relay = Awaited<ReturnType<typeof startRelay>>;

export interface DoomedFleet extends FleetOnOwnRedis {
  readonly mysql: PrivateMysql;
  /** The line to APNs of the worker that was started last. */
  apnsLine(): Relay;
  /** Starts all three and waits until each says that it has. */
  startAll(): Promise<Running>;
}

/** @param groups of so many recipients each, numbered from 1; nobody is in two of them */
export async function startDoomedFleet(
  groups: number,
  recipients: number,
  environment: Record<string, string>,
  simulator: Parameters<typeof startFleetOnOwnRedis>[0] = {},
): Promise<DoomedFleet> {
  const mysql = await startPrivateMysql();
  const own = await startFleetOnOwnRedis({ ...simulator, environment });
  const { fleet } = own;
  for (const group of range(1, groups)) {
    const ids = range((group - 1) * recipients + 1, group * recipients);
    await insertTokens(
      fleet.database,
      ids.map((id) => ({ id, deviceToken: deviceToken(id) })),
    );
    await insertGroup(fleet.database, group, ids);
  }
  const relays: Relay[] = [];
  const boards: FleetProcess[] = [];
  return {
    ...own,
    mysql,
    apnsLine: () => relays.at(-1)!,
    async startAll() {
      const relay = await startRelay(Number(new URL(fleet.simulator.url).port));
      relays.push(relay);
      const board = startProcess(['board'], { ...fleet.environment, PUSHFLEET_BOARD_PORT: '0' });
      boards.push(board);
      const [producer, worker] = await Promise.all([
        fleet.startProducer(),
        fleet.startWorker({ PUSHFLEET_APNS_URL: `https://localhost:${relay.port}` }),
        board.printed('"board.ready"'),
      ]);
      return { producer, worker, board };
    },
    async stop() {
      await Promise.all(boards.map((board) => board.stop()));
      await own.stop();
      await Promise.all(relays.map((relay) => relay.close()));
      await mysql.stop();
    },
  };
}

/** Sends each of them the signal, and waits for their ends. Who lives on after the milliseconds is killed. */
export function endAll(
  running: Partial<Running>,
  signal: NodeJS.Signals,
  patienceMs: number,
): Promise<readonly Ending[]> {
  const begun = performance.now();
  return Promise.all(
    Object.entries(running).map(async ([name, one]: [string, FleetProcess]) => {
      one.kill(signal);
      const timer = setTimeout(() => one.kill('SIGKILL'), patienceMs);
      const code = await one.exited;
      clearTimeout(timer);
      return { name, code, ms: Math.round(performance.now() - begun) };
    }),
  );
}
