import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import * as z from 'zod/mini';
import { $ZodError } from 'zod/v4/core';
import type { Rule } from './rule.ts';
import type { Simulator } from './simulator.ts';

/** The admin server of a running simulator. */
export interface AdminServer {
  readonly port: number;
  close(): Promise<void>;
}

interface Asked {
  readonly query: Record<string, string>;
  /** Parsed where it is JSON, else the text; undefined without a body. */
  readonly body: unknown;
}

/** What is answered as JSON; a string as it is. */
type Route = (asked: Asked) => unknown;

const wholeNumber = z.coerce.number().check(z.int(), z.minimum(0));
const page = z.object({
  since: z._default(wholeNumber, 0),
  limit: z._default(wholeNumber.check(z.minimum(1), z.maximum(100_000)), 1000),
});
const streams = z.strictObject({ limit: z.int().check(z.minimum(0), z.maximum(2 ** 31 - 1)) });
const latency = z.strictObject({ ms: z.number().check(z.minimum(0), z.maximum(86_400_000)) });
const goAway = z.strictObject({ error: z.optional(z.string()), reason: z.optional(z.string()) });
const script = z.union([z.string(), z.array(z.unknown()), z.strictObject({ rules: z.array(z.unknown()) })]);

/** Starts the admin server: plain HTTP, JSON, a fault of the caller's is a 400 with `error`. */
export async function startAdminServer(
  simulator: Simulator,
  port: number,
  host: string,
): Promise<AdminServer> {
  const routes = new Map<string, Route>([...reading(simulator), ...controls(simulator)]);
  const server = createServer(async (request, response) => {
    const { status, body } = await answer(routes, request);
    const isText = typeof body === 'string';
    response.writeHead(status, { 'content-type': isText ? 'text/plain' : 'application/json' });
    response.end(isText ? body : JSON.stringify(body));
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, () => resolve());
  });
  return {
    port: (server.address() as AddressInfo).port,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

async function answer(
  routes: ReadonlyMap<string, Route>,
  request: IncomingMessage,
): Promise<{ status: number; body: unknown }> {
  const { pathname, searchParams } = new URL(request.url ?? '/', 'http://admin');
  const route = routes.get(`${request.method} ${pathname}`);
  if (route === undefined)
    return {
      status: 404,
      body: { error: `no ${request.method} ${pathname}; there is ${[...routes.keys()].join(', ')}` },
    };
  try {
    const body = route({ query: Object.fromEntries(searchParams), body: await readBody(request) });
    return { status: 200, body };
  } catch (error) {
    const message = error instanceof $ZodError ? z.prettifyError(error) : (error as Error).message;
    return { status: 400, body: { error: message } };
  }
}

async function readBody(request: IncomingMessage): Promise<unknown> {
  const body = await text(request);
  if (body === '') return undefined;
  return request.headers['content-type']?.startsWith('application/json') ? JSON.parse(body) : body;
}

function reading(simulator: Simulator): [string, Route][] {
  return [
    [
      'GET /stats',
      () => ({
        accepted: simulator.acceptedCount(),
        distinct: orNull(() => simulator.distinctAccepted()),
        requests: simulator.requestCount(),
        answers: simulator.answers(),
        connections: simulator.connections(),
        connects: simulator.connects(),
      }),
    ],
    [
      'GET /accepted',
      ({ query }) => {
        const { since, limit } = page.parse(query);
        const accepted = simulator.accepted(since, limit);
        return { next: since + accepted.length, accepted };
      },
    ],
    [
      'GET /requests',
      ({ query }) => {
        const { since, limit } = page.parse(query);
        const requests = simulator.requests(since, limit);
        return { next: since + requests.length, requests };
      },
    ],
    ['GET /per-second', () => simulator.acceptedPerSecond()],
    ['GET /ca', () => simulator.caPem],
  ];
}

function controls(simulator: Simulator): [string, Route][] {
  const rules: Route = ({ body }) => {
    const given = script.parse(body);
    simulator.script(
      (typeof given === 'object' && 'rules' in given ? given.rules : given) as Rule[] | string,
    );
    return { ok: true };
  };
  return [
    ['POST /script', rules],
    ['POST /reset', () => done(() => simulator.reset())],
    ['POST /drop', () => done(() => simulator.dropConnections())],
    ['POST /goaway', ({ body }) => done(() => simulator.goAway(goAway.parse(body ?? {})))],
    ['POST /streams', ({ body }) => done(() => simulator.setStreamLimit(streams.parse(body).limit))],
    ['POST /latency', ({ body }) => done(() => simulator.setLatency(latency.parse(body).ms))],
  ];
}

function done(act: () => void): { ok: true } {
  act();
  return { ok: true };
}

/** Record 'counts' does not know: null in JSON. */
function orNull(read: () => number): number | null {
  try {
    return read();
  } catch {
    return null;
  }
}
