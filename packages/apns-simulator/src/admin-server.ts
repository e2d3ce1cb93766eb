import type { AddressInfo } from 'node:net';
import Fastify, { type FastifyInstance } from 'fastify';
import { z } from 'zod';
import { ScriptError } from './script-parser.ts';
import type { Rule } from './script-rules.ts';
import type { Simulator } from './simulator.ts';

/** The admin server of a running simulator. */
export interface AdminServer {
  readonly port: number;
  close(): Promise<void>;
}

const page = z.object({
  since: z.coerce.number().int().min(0).default(0),
  limit: z.coerce.number().int().min(1).max(100_000).default(1000),
});
const streams = z.strictObject({
  limit: z
    .int()
    .min(0)
    .max(2 ** 31 - 1),
});
const latency = z.strictObject({ ms: z.number().min(0).max(86_400_000) });
const goAway = z.strictObject({ error: z.string().optional(), reason: z.string().optional() }).default({});
const script = z.union([z.string(), z.array(z.unknown()), z.strictObject({ rules: z.array(z.unknown()) })]);

/** Starts the admin server: plain HTTP, JSON, a fault of the caller's is a 400 with `error`. */
export async function startAdminServer(
  simulator: Simulator,
  port: number,
  host: string,
): Promise<AdminServer> {
  const server = Fastify({ forceCloseConnections: true });
  server.setErrorHandler((error: Error & { statusCode?: number }, _request, reply) => {
    const status =
      error instanceof z.ZodError || error instanceof ScriptError ? 400 : (error.statusCode ?? 400);
    const message = error instanceof z.ZodError ? z.prettifyError(error) : error.message;
    reply.status(status).send({ error: message });
  });
  addReading(server, simulator);
  addControls(server, simulator);
  await server.listen({ port, host });
  return { port: (server.server.address() as AddressInfo).port, close: () => server.close() };
}

function addReading(server: FastifyInstance, simulator: Simulator): void {
  server.get('/stats', () => ({
    accepted: simulator.acceptedCount(),
    distinct: orNull(() => simulator.distinctAccepted()),
    requests: simulator.requestCount(),
    answers: simulator.answers(),
    connections: simulator.connections(),
    connects: simulator.connects(),
  }));
  server.get('/accepted', ({ query }) => {
    const { since, limit } = page.parse(query);
    const accepted = simulator.accepted(since, limit);
    return { next: since + accepted.length, accepted };
  });
  server.get('/requests', ({ query }) => {
    const { since, limit } = page.parse(query);
    const requests = simulator.requests(since, limit);
    return { next: since + requests.length, requests };
  });
  server.get('/per-second', () => simulator.acceptedPerSecond());
  server.get('/ca', (_request, reply) => reply.type('application/x-pem-file').send(simulator.caPem));
}

function addControls(server: FastifyInstance, simulator: Simulator): void {
  server.post('/script', ({ body }) => {
    const given = script.parse(body);
    simulator.script(
      (typeof given === 'object' && 'rules' in given ? given.rules : given) as Rule[] | string,
    );
    return { ok: true };
  });
  server.post('/reset', () => done(() => simulator.reset()));
  server.post('/drop', () => done(() => simulator.dropConnections()));
  server.post('/goaway', ({ body }) => done(() => simulator.goAway(goAway.parse(body ?? {}))));
  server.post('/streams', ({ body }) => done(() => simulator.setStreamLimit(streams.parse(body).limit)));
  server.post('/latency', ({ body }) => done(() => simulator.setLatency(latency.parse(body).ms)));
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
