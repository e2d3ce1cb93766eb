import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { insertGroup, insertNotifications, insertTokens, range } from './backend-rows.ts';
import { deviceToken, type Fleet, type StatusDocument } from './fleet.ts';
import type { FleetProcess } from './fleet-process.ts';

export interface FaultySending {
  readonly status: StatusDocument;
  readonly distinct: number;
  readonly duplicates: number;
  /** Of all processes, while the fault lasted. */
  readonly warnings: number;
  readonly cpuSeconds: number;
  readonly faultMs: number;
  /** From the end of the fault to the next accepted push. */
  readonly againAfterMs: number;
}

/** Sends a broadcast with one producer and two workers; when a quarter is accepted the fault is done. */
export async function broadcastUnderFault(
  fleet: Fleet,
  recipients: number,
  fault: () => Promise<void>,
  processes?: readonly FleetProcess[],
): Promise<FaultySending> {
  const running =
    processes ?? (await Promise.all([fleet.startProducer(), fleet.startWorker(), fleet.startWorker()]));
  await insertTokens(
    fleet.database,
    range(1, recipients).map((id) => ({ id, deviceToken: deviceToken(id) })),
  );
  await insertGroup(fleet.database, 1, range(1, recipients));
  await insertNotifications(fleet.database, [{ id: 1, groupIds: [1] }]);
  const { simulator } = fleet;
  await accepted(fleet, recipients / 4);
  const begun = Date.now();
  const linesBefore = running.map((one) => one.output().length);
  const cpuBefore = cpuSeconds(running);
  await fault();
  const ended = Date.now();
  const cpu = cpuSeconds(running) - cpuBefore;
  const warnings = running
    .map((one, i) => one.output().slice(linesBefore[i]))
    .join('\n')
    .split('\n')
    .filter((line) => /"level":"?(warn|error|fatal|40|50|60)/.test(line)).length;
  // What a fault takes with it is found after half a minute, and on a busy machine sent again in as much.
  await fleet.ended([1], 150_000);
  const next = simulator.acceptedTimes().find((at) => at >= ended) ?? ended;
  return {
    status: await fleet.status(1),
    distinct: simulator.distinctAccepted(),
    duplicates: simulator.acceptedCount() - simulator.distinctAccepted(),
    warnings,
    cpuSeconds: Math.round(cpu * 100) / 100,
    faultMs: ended - begun,
    againAfterMs: Math.round(next - ended),
  };
}

async function accepted(fleet: Fleet, count: number): Promise<void> {
  const until = Date.now() + 30_000;
  while (fleet.simulator.acceptedCount() < count) {
    if (Date.now() > until) throw new Error(`${count} were not accepted in 30 s`);
    await sleep(10);
  }
}

/** User and system time of processes, in seconds. */
function cpuSeconds(processes: readonly FleetProcess[]): number {
  return processes.reduce((sum, { pid }) => {
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]!.split(' ');
    return sum + (Number(fields[11]) + Number(fields[12])) / 100;
  }, 0);
}
