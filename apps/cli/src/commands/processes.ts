import type { Environment } from '@pushfleet/shared/platform/config';
import { keepMemoryFlat } from '@pushfleet/shared/platform/flat-memory';
import { leaveOnSignal } from '@pushfleet/shared/platform/stop';
import type { Command } from 'commander';
import { toolEnvironment } from '../environment.ts';

/** A process: runs in the foreground until SIGTERM. @returns its exit code */
type Run = (environment: Environment) => Promise<number>;

/** producer, worker, board: loaded only when called. */
export function addProducer(program: Command): void {
  addProcess(program, {
    name: 'producer',
    summary: 'turn due rows into batches, record what became of them',
    example: 'PUSHFLEET_MYSQL_URL=mysql://push@db/app PUSHFLEET_REDIS_URL=redis://redis pushfleet producer',
    load: async () => (await import('@pushfleet/app-producer/main')).runProducer,
  });
}

export function addWorker(program: Command): void {
  addProcess(program, {
    name: 'worker',
    summary: 'send batches to APNs over one connection; run as many as you need',
    example: 'PUSHFLEET_REDIS_URL=redis://redis PUSHFLEET_APNS_KEY_FILE=AuthKey.p8 … pushfleet worker',
    load: async () => (await import('@pushfleet/app-worker/main')).runWorker,
  });
}

export function addBoard(program: Command): void {
  addProcess(program, {
    name: 'board',
    summary: 'overview and Bull Board behind a login',
    example: 'PUSHFLEET_BOARD_USER=ops PUSHFLEET_BOARD_PASSWORD_FILE=/run/secrets/board pushfleet board',
    load: async () => (await import('@pushfleet/app-board/main')).runBoard,
  });
}

function addProcess(
  program: Command,
  {
    name,
    summary,
    example,
    load,
  }: { name: string; summary: string; example: string; load: () => Promise<Run> },
): void {
  program
    .command(name)
    .summary(summary)
    .description(`${summary}. Runs in the foreground, logs on stdout, stops on SIGTERM.`)
    .addHelpText('after', `\nExample:\n  ${example}`)
    .action(async () => {
      leaveOnSignal();
      keepMemoryFlat();
      const run = await load();
      // What did not end in time is left behind: the drain is over.
      process.exit(await run(toolEnvironment()));
    });
}
