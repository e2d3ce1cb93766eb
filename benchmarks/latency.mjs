/** The headline: from the row to `sent` with APNs at a distance, by one, two and four workers. */
import { startSimulator } from './bench-installation.mjs';
import {
  idleUse,
  insertBroadcast,
  measured,
  onInstallation,
  startFleet,
  untilSent,
} from './installation-run.mjs';
import { table } from './report.mjs';

const LATENCY_MS = 50;
/** The simulator's limit, as APNs' own is. */
const STREAMS = 1_000;
/** Recipients, by the number of workers. */
const SIZES = { 1: 1_000_000, 2: 400_000, 4: 400_000 };
const WARM_UP = 20_000;

export const title = `With APNs ${LATENCY_MS} ms away`;

/** @returns {Promise<{text: string[], figures: object}>} */
export async function measure(say, { size, shared } = {}) {
  const sizes = Object.entries(SIZES).map(([workers, usual]) => [Number(workers), size ?? usual]);
  const audiences = [...sizes.map(([, audience]) => audience), WARM_UP];
  return onInstallation(shared, audiences, say, async (installation) => {
    const { directory, stops, environment, pids } = installation;
    const away = await startSimulator(directory, stops, ['--fast', '--latency', String(LATENCY_MS)]);
    const distant = {
      ...installation,
      environment: { ...environment, ...away.environment },
      pids: { ...pids, simulator: away.pid },
    };
    const rows = [];
    for (const [workers, audience] of sizes) rows.push(await broadcast(distant, audience, workers, say));
    return section(rows);
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
    return { workers, size, perSecond, whileSending: size / Number(sending), cores };
  } finally {
    await fleet.stop();
  }
}

function section(rows) {
  const mostPerConnection = (STREAMS / LATENCY_MS) * 1_000;
  return {
    figures: { mostPerConnection, rows },
    text: [
      `Native session, each answer ${LATENCY_MS} ms after its request, ${STREAMS.toLocaleString('en')} streams a connection: one connection can carry ${mostPerConnection.toLocaleString('en')} a second at most (streams ÷ latency). A tenth of the window, 8 slots at most, is kept for urgent pushes. Cores: of all processes together, the simulator's too.`,
      '',
      ...table(
        [
          'workers',
          'recipients',
          'a second, row to `sent`',
          'of what the connections can carry',
          'while it sends',
          'of that',
          'cores in use',
        ],
        rows.map(({ workers, size, perSecond, whileSending, cores }) => [
          String(workers),
          size.toLocaleString('en'),
          Math.round(perSecond).toLocaleString('en'),
          percent(perSecond / mostPerConnection / workers),
          Math.round(whileSending).toLocaleString('en'),
          percent(whileSending / mostPerConnection / workers),
          cores.toFixed(2),
        ]),
      ),
      '',
      'While it sends: from the first answer to the last. Until the first there is about a second, which weighs more with fewer recipients. Where the cores in use are all that the machine has, the machine is the limit, not the connections.',
    ],
  };
}

function percent(share) {
  return `${Math.round(share * 100)} %`;
}
