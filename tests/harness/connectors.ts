/** Both kinds of session to APNs, for tests that each of them has to pass. */
import { createNativeConnector } from '../../apps/worker/src/apns/native/native-connection.ts';
import { createNodeApnConnector } from '../../apps/worker/src/apns/node-apn-connection.ts';

export type CreateConnector = typeof createNodeApnConnector & typeof createNativeConnector;

export const CONNECTORS: ReadonlyArray<readonly [name: string, create: CreateConnector]> = [
  ['node-apn', createNodeApnConnector],
  ['native', createNativeConnector],
];
