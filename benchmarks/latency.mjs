/** The headline: from the row to `sent` with APNs at a distance, by one, two and four workers. */
import {
  idleUse,
  insertBroadcast,
  measured,
  startFleet,
  untilSent,
  withInstallation,
} from './installation-run.mjs';
import { table } from './report.mjs';

const LATENCY_MS = 50;
/** The simulator's limit, as APNs' own is. */
const STREAMS = 1_000;
const WORKERS = [1, 2, 4];
const SIZE = 1_000_000;
const WARM_UP = 20_000;

export const title = `With APNs ${LATENCY_MS} ms away`;

/** @returns {Promise<{text: string[], figures: object}>} */
export async function measure(say, { size = SIZE, workers = WORKERS } = {}) {
  return withInstallation({ size, smaller: [WARM_UP], latencyMs: LATENCY_MS }, say, async (installation) => {
    const rows = [];
    for (const count of workers) rows.push(await broadcast(installation, size, count, say));
    return section(size, rows);
  });
}

async function broadcast(installation, size, workers, say) {
  const { mysql, groups, pids } = installation;
  const fleet = await startFleet(installation, { session: 'native', workers });
  try {
    await untilSent(mysql, [await insertBroadcast(mysql, groups.get(WARM_UP))]);
    const processes = { ...fleet.processes, simulator: pids.simulator };
    let id;
    const run = await measured(processes, await idleUse(processes), async () => {
      id = await insertBroadcast(mysql, groups.get(size));
      return untilSent(mysql, [id]);
    });
    const perSecond = size / run.seconds;
    const [[{ sending }]] = await mysql.query(
      `SELECT TIMESTAMPDIFF(MICROSECOND, MIN(b.first_accepted_at), MAX(b.last_accepted_at)) / 1e6 AS sending
         FROM pushfleet_batch b JOIN pushfleet_dispatch d ON d.id = b.dispatch_id WHERE d.notification_id = ?`,
      [id],
    );
    const cores = Object.values(run.cpu).reduce((sum, seconds) => sum + seconds, 0) / run.seconds;
    say(`  ${workers} at ${LATENCY_MS} ms: ${Math.round(perSecond)} a second, ${cores.toFixed(2)} cores`);
    return { workers, perSecond, whileSending: size / Number(sending), cores };
  } finally {
    await fleet.stop();
  }
}

function section(size, rows) {
  const mostPerConnection = (STREAMS / LATENCY_MS) * 1_000;
  return {
    figures: { mostPerConnection, rows },
    text: [
      `${size.toLocaleString('en')} recipients, native session, each answer ${LATENCY_MS} ms after its request, ${STREAMS.toLocaleString('en')} streams a connection: one connection can carry ${mostPerConnection.toLocaleString('en')} a second at most (streams ÷ latency). A tenth of the window, 8 slots at most, is kept for urgent pushes. Cores: of all processes together, the simulator's too.`,
      '',
      ...table(
        [
          'workers',
          'a second, row to `sent`',
          'of what the connections can carry',
          'while it sends',
          'of that',
          'cores in use',
        ],
        rows.map(({ workers, perSecond, whileSending, cores }) => [
          String(workers),
          Math.round(perSecond).toLocaleString('en'),
          percent(perSecond / mostPerConnection / workers),
          Math.round(whileSending).toLocaleString('en'),
          percent(whileSending / mostPerConnection / workers),
          cores.toFixed(2),
        ]),
      ),
      '',
      'While it sends: from the first answer to the last. Where the cores in use are all that the machine has, the machine is the limit, not the connections.',
    ],
  };
}

function percent(share) {
  return `${Math.round(share * 100)} %`;
}
