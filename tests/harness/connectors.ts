/** Both kinds of session to APNs, for tests that each of them has to pass. */
import type { ApnsAnswer } from '@pushfleet/shared/domain/apns-answer';
import type { ApnsConnection, ApnsRequest } from '../../apps/worker/src/apns/apns-connection.ts';
import type { ConnectionGovernor } from '../../apps/worker/src/apns/connection-governor.ts';
import { createNativeConnector } from '../../apps/worker/src/apns/native/native-connection.ts';
import { createNodeApnConnector } from '../../apps/worker/src/apns/node-apn-connection.ts';

export type CreateConnector = typeof createNodeApnConnector & typeof createNativeConnector;

export const CONNECTORS: ReadonlyArray<readonly [name: string, create: CreateConnector]> = [
  ['node-apn', createNodeApnConnector],
  ['native', createNativeConnector],
];

/** What a connection answers to one push. */
export function answerOf(
  connection: Pick<ApnsConnection, 'send'>,
  request: ApnsRequest,
  timeoutMs: number,
): Promise<ApnsAnswer> {
  return new Promise((resolve) => connection.send(request, timeoutMs, resolve));
}

/** The same of a governor, of which a slot was acquired. */
export function governedAnswer(
  governor: Pick<ConnectionGovernor, 'send'>,
  request: ApnsRequest,
): Promise<ApnsAnswer> {
  return new Promise((resolve) => governor.send(request, resolve));
}
