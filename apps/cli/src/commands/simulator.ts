import { writeFileSync } from 'node:fs';
import { type Command, InvalidArgumentError, Option } from 'commander';

interface SimulatorFlags {
  readonly port: number;
  readonly adminPort: number;
  readonly host: string;
  readonly hostName?: string[];
  readonly latency: number;
  readonly topic?: string[];
  readonly record: 'all' | 'counts';
  readonly fast?: true;
  readonly caFile?: string;
}

/** simulator: an APNs to try out against. */
export function addSimulator(program: Command): void {
  program
    .command('simulator')
    .summary('an APNs for tests, demos and benchmarks')
    .description(
      'Runs an APNs for tests, demos and benchmarks: HTTP/2 over TLS with a certificate made at start; scripted over its admin port.',
    )
    .option('--port <port>', 'port of the APNs server; 0 takes a free one', wholeNumber, 0)
    .option('--admin-port <port>', 'port of the admin server (HTTP, JSON)', wholeNumber, 0)
    .option('--host <address>', 'address that both listen on', '127.0.0.1')
    .option('--host-name <name...>', 'names beside localhost that the certificate is good for')
    .option('--latency <ms>', 'milliseconds that each answer is held back', wholeNumber, 0)
    .option('--topic <bundle-id...>', 'topics that may be pushed to; without it any')
    .addOption(
      new Option('--record <what>', 'keep each push, or counts only so that memory stays flat')
        .choices(['all', 'counts'])
        .default('all'),
    )
    .option('--fast', 'for benchmarks: costs little, accepts whatever is whole, keeps counts only')
    .option('--ca-file <path>', 'where to write the certificate that clients must trust')
    .addHelpText(
      'after',
      '\nExamples:\n  pushfleet simulator --port 8443 --admin-port 8444 --ca-file ca.pem\n  PUSHFLEET_APNS_URL=https://localhost:8443 PUSHFLEET_APNS_CA_FILE=ca.pem pushfleet worker',
    )
    .action(runSimulator);
}

async function runSimulator(flags: SimulatorFlags): Promise<void> {
  const { serveSimulator } = await import('@pushfleet/apns-simulator/serve');
  const simulator = await serveSimulator({
    port: flags.port,
    adminPort: flags.adminPort,
    host: flags.host,
    hostNames: flags.hostName,
    latencyMs: flags.latency,
    topics: flags.topic,
    record: flags.record,
    fast: flags.fast,
  });
  if (flags.caFile !== undefined) writeFileSync(flags.caFile, simulator.caPem);
  const { url, adminUrl } = simulator;
  log('simulator.ready', 'the APNs simulator listens', { url, adminUrl, caFile: flags.caFile ?? null });
  const stopped = () =>
    log('simulator.stopping', 'stopping', {
      accepted: simulator.acceptedCount(),
      requests: simulator.requestCount(),
      answers: simulator.answers(),
    });
  process.once('SIGTERM', stopped);
  process.once('SIGINT', stopped);
}

/** One JSON line on stdout, as the other processes write them. */
function log(event: string, msg: string, fields: Record<string, unknown>): void {
  const time = new Date().toISOString();
  process.stdout.write(
    `${JSON.stringify({ level: 'info', time, process: 'simulator', pid: process.pid, event, ...fields, msg })}\n`,
  );
}

function wholeNumber(text: string): number {
  if (!/^\d{1,6}$/.test(text)) throw new InvalidArgumentError('a whole number is expected.');
  return Number(text);
}
