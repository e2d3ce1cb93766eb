import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Stoppable } from './stop.ts';

/** What a process answers over HTTP: to probes, Prometheus, and a few of its own. */
export interface HealthSources {
  /** Null when the process works, else why it should be restarted. */
  live(): string | null;
  /** Null when the process can do its work now, else what is missing. */
  ready(): string | null;
  /** Prometheus' text format. */
  metrics(): Promise<string>;
  /** A JSON document for further paths; undefined for a path that does not exist. */
  json?(path: string): Promise<unknown>;
}

export interface HealthServer {
  readonly port: number;
  close(): Promise<void>;
}

/**
 * Serves `/health/live`, `/health/ready` (200 or 503, with the reason) and `/metrics`, and with
 * `sources.json` further paths. Nothing secret stands in any of them.
 *
 * @param port 0 takes a free one
 * @throws what listening throws
 */
export async function startHealthServer(
  port: number,
  sources: HealthSources,
  host?: string,
): Promise<HealthServer> {
  const server = createServer((request, response) => {
    const path = (request.url ?? '/').split('?')[0]!;
    answer(path, sources, response).catch(() => {
      if (!response.headersSent) send(response, 500, 'text/plain', 'failed\n');
    });
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, resolve);
  });
  server.unref(); // a start that fails must end, although it was asked about already
  return {
    port: (server.address() as AddressInfo).port,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

/** The health server of a process from its first moment on, while it may still wait for Redis or MySQL. */
export interface ProcessHealth {
  /** What it answers from now on; until then it is alive and not ready. */
  serve(sources: HealthSources): void;
  /** None where the port is 0. */
  readonly parts: readonly Stoppable[];
}

const STARTING: HealthSources = {
  live: () => null,
  ready: () => 'starting',
  metrics: async () => '',
};

/**
 * @param host undefined: every address of the machine
 * @throws what listening throws
 */
export async function openProcessHealth(port: number, host: string | undefined): Promise<ProcessHealth> {
  if (port === 0) return { serve() {}, parts: [] };
  let current = STARTING;
  const sources: HealthSources = {
    live: () => current.live(),
    ready: () => current.ready(),
    metrics: () => current.metrics(),
    json: async (path) => current.json?.(path),
  };
  const server = await startHealthServer(port, sources, host);
  return {
    serve(sources) {
      current = sources;
    },
    parts: [{ name: 'health', stop: () => server.close() }],
  };
}

async function answer(path: string, sources: HealthSources, response: ServerResponse): Promise<void> {
  if (path === '/health/live') return sendHealth(response, sources.live());
  if (path === '/health/ready') return sendHealth(response, sources.ready());
  if (path === '/metrics')
    return send(response, 200, 'text/plain; version=0.0.4; charset=utf-8', await sources.metrics());
  const document = await sources.json?.(path);
  if (document === undefined) return send(response, 404, 'text/plain', 'not found\n');
  send(response, 200, 'application/json', JSON.stringify(document));
}

function sendHealth(response: ServerResponse, fault: string | null): void {
  send(response, fault === null ? 200 : 503, 'text/plain; charset=utf-8', `${fault ?? 'ok'}\n`);
}

function send(response: ServerResponse, status: number, type: string, body: string): void {
  response.writeHead(status, { 'content-type': type, 'cache-control': 'no-store' }).end(body);
}
