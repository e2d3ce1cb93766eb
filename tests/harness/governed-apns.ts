/** A connection governor over real TLS and HTTP/2, for tests. */
import { type Simulator, type SimulatorOptions, startSimulator } from '@pushfleet/apns-simulator/simulator';
import {
  createConnectionGovernor,
  type GovernorOptions,
  type GovernorState,
} from '../../apps/worker/src/apns/connection-governor.ts';
import { createNodeApnConnector } from '../../apps/worker/src/apns/node-apn-connection.ts';
import { createProviderTokenSource } from '../../apps/worker/src/apns/provider-token.ts';
import { aSigningKey } from './apns-peers.ts';
import type { CreateConnector } from './connectors.ts';

const key = aSigningKey();
const credential = { kind: 'token', keyPem: key.keyPem, keyId: 'ABC123DEFG', teamId: 'DEF123GHIJ' } as const;
const source = createProviderTokenSource(credential);
/** What the test opened, closed again in `afterEach(closeAll)`. */
export const closers: Array<() => Promise<unknown>> = [];

export async function closeAll(): Promise<void> {
  for (const close of closers.splice(0).reverse()) await close();
}

/** A governor on a real connection, with what it logged and the states it went through. */
export function govern(
  port: number,
  ca: string,
  options: Partial<GovernorOptions> = {},
  createConnector: CreateConnector = createNodeApnConnector,
) {
  const open = createConnector({
    host: 'localhost',
    port,
    ca,
    credential,
    providerToken: () => source.current(),
  });
  const events: string[] = [];
  const note = (facts: object) => void events.push((facts as { event: string }).event);
  const log = { debug: note, info: note, warn: note, error: note };
  const governor = createConnectionGovernor({ open, maxInFlight: 500, random: () => 0, log, ...options });
  const states: GovernorState[] = [];
  governor.onStateChange((state) => states.push(state));
  closers.push(() => governor.close(200));
  return { governor, events, states };
}

export async function simulate(options: SimulatorOptions = {}): Promise<{ apns: Simulator; port: number }> {
  const apns = await startSimulator(options);
  closers.push(() => apns.close());
  return { apns, port: Number(new URL(apns.url).port) };
}
