import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

const MB = 2 ** 20;

/**
 * What grows where something leaks, at one moment: a flat list of figures by name, such as `worker 1 RSS MB`.
 *
 * @param {{ name: string, pid: number, metricsPort: number }[]} processes
 * @returns {Promise<Record<string, number>>}
 */
export async function sample(installation, processes, redis) {
  const figures = {};
  for (const { name, pid, metricsPort } of processes) {
    const metrics = await readMetrics(metricsPort);
    const { files, sockets } = openFiles(pid);
    figures[`${name} RSS MB`] = residentMb(pid);
    figures[`${name} heap MB`] = metrics('nodejs_heap_size_used_bytes') / MB;
    figures[`${name} sockets`] = sockets;
    figures[`${name} files`] = files;
    figures[`${name} handles`] = metrics('nodejs_active_handles_total');
    figures[`${name} resources`] = metrics('nodejs_active_resources_total');
  }
  figures['Redis memory MB'] = Number(/used_memory:(\d+)/.exec(await redis.info('memory'))[1]) / MB;
  figures['Redis keys'] = await redis.dbsize();
  figures['Redis clients'] = Number(/connected_clients:(\d+)/.exec(await redis.info('clients'))[1]);
  const [connections] = await installation.rows("SHOW GLOBAL STATUS LIKE 'Threads_connected'");
  figures['MySQL connections'] = Number(connections.Value);
  for (const table of ['dispatch', 'batch', 'outcome', 'retirement', 'request', 'command']) {
    const [{ n }] = await installation.rows(`SELECT COUNT(*) AS n FROM pushfleet_${table}`);
    figures[`MySQL rows of ${table}`] = Number(n);
  }
  return figures;
}

/** Linux only. */
function residentMb(pid) {
  return Number(/VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))[1]) / 1_024;
}

function openFiles(pid) {
  const directory = `/proc/${pid}/fd`;
  const counts = { files: 0, sockets: 0 };
  for (const fd of readdirSync(directory)) {
    let target;
    try {
      target = readlinkSync(`${directory}/${fd}`);
    } catch {
      continue; // closed in between
    }
    counts[target.startsWith('socket:') ? 'sockets' : 'files']++;
  }
  return counts;
}

async function readMetrics(port) {
  const response = await fetch(`http://127.0.0.1:${port}/metrics`, { signal: AbortSignal.timeout(5_000) });
  const text = await response.text();
  return (name) => Number(new RegExp(`^${name} (.+)$`, 'm').exec(text)?.[1] ?? Number.NaN);
}
