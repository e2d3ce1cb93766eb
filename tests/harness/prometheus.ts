import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { findFreePort } from '@pushfleet/local-servers/free-port';
import { untilTrue } from './wait.ts';

const RULES = fileURLToPath(new URL('../../deploy/prometheus/pushfleet.rules.yml', import.meta.url));

/** A real Prometheus (Debian's package) that scrapes a fleet every second. */
export interface Prometheus {
  /** @returns how many series the expression has now. @throws when Prometheus refuses it */
  series(expression: string): Promise<number>;
  /** Names of the alerts that fire now. */
  firing(): Promise<string[]>;
  stop(): Promise<void>;
}

/**
 * Starts it with our rules, their windows of minutes cut to seconds.
 * @param targets `host:port` by job
 */
export function startPrometheus(targets: {
  readonly producer: readonly string[];
  readonly worker: readonly string[];
}): Promise<Prometheus> {
  const job = (name: 'producer' | 'worker') =>
    `  - job_name: pushfleet-${name}\n    static_configs: [{targets: [${targets[name].map((target) => `'${target}'`).join(', ')}]}]\n`;
  return startPrometheusWith(
    `rule_files: [pushfleet.rules.yml]\nscrape_configs:\n${job('producer')}${job('worker')}`,
  );
}

/** @param config `prometheus.yml` without its `global`: it scrapes and looks at rules every second */
export async function startPrometheusWith(config: string): Promise<Prometheus> {
  const directory = mkdtempSync(join(tmpdir(), 'pushfleet-prometheus-'));
  writeFileSync(join(directory, 'pushfleet.rules.yml'), inSeconds(readFileSync(RULES, 'utf8')));
  writeFileSync(
    join(directory, 'prometheus.yml'),
    `global: {scrape_interval: 1s, scrape_timeout: 1s, evaluation_interval: 1s}\n${config}\n`,
  );
  const port = await findFreePort();
  const child = spawn(
    'prometheus',
    [
      `--config.file=${join(directory, 'prometheus.yml')}`,
      `--storage.tsdb.path=${join(directory, 'data')}`,
      `--web.listen-address=127.0.0.1:${port}`,
      '--log.level=warn',
    ],
    { stdio: ['ignore', 'ignore', 'pipe'] },
  );
  let errors = '';
  child.stderr.on('data', (chunk: Buffer) => (errors += chunk.toString()));
  const exited = once(child, 'close').catch((error: unknown) => {
    errors += `${error}; apt-get install prometheus`;
  });
  const ask = async (path: string): Promise<Answer> => {
    const response = await fetch(`http://127.0.0.1:${port}/${path}`);
    return (await response.json()) as Answer;
  };
  await untilTrue(
    async () => (await fetch(`http://127.0.0.1:${port}/-/ready`).catch(() => undefined))?.status ?? errors,
    (status) => status === 200,
  );
  return {
    async series(expression) {
      const { data, error } = await ask(`api/v1/query?query=${encodeURIComponent(expression)}`);
      if (error !== undefined) throw new Error(`${expression}: ${error}`);
      return data.result.length;
    },
    async firing() {
      const { data } = await ask('api/v1/alerts');
      return data.alerts.filter(({ state }) => state === 'firing').map(({ labels }) => labels.alertname);
    },
    async stop() {
      child.kill('SIGTERM');
      await exited;
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

interface Answer {
  readonly error?: string;
  readonly data: {
    readonly result: readonly unknown[];
    readonly alerts: readonly { readonly state: string; readonly labels: { readonly alertname: string } }[];
  };
}

/** `for: 5m` and `[15m]` of rules as seconds: a test cannot wait for them. */
export function inSeconds(rules: string): string {
  return rules
    .replaceAll(/for: \d+m/g, 'for: 1s')
    .replaceAll(/offset \d+m/g, 'offset 5s')
    .replaceAll(/\[(\d+)m\]/g, (_, minutes: string) => `[${Math.max(5, Number(minutes))}s]`);
}
