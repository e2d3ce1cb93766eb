import type { Log } from '@pushfleet/shared/platform/log';
import {
  type ConnectionGovernor,
  createConnectionGovernor,
  type GovernorOptions,
} from './apns/connection-governor.ts';
import type { ApnsCredential } from './apns/credential.ts';
import { createNativeConnector } from './apns/native/native-connection.ts';
import { createNodeApnConnector } from './apns/node-apn-connection.ts';
import { createProviderTokenSource, type ProviderTokenSource } from './apns/provider-token.ts';
import { apnsTransport } from './apns-transport.ts';
import type { WorkerConfig } from './worker-config.ts';

/**
 * The governor of this worker's one connection; it connects when it is started or first needed.
 *
 * @param connectPermit asked before each connect: milliseconds to wait for the fleet's sake
 * @throws ConfigurationError when a certificate or CA cannot be read
 */
export function openGovernor(
  config: WorkerConfig,
  credential: ApnsCredential,
  connectPermit: () => Promise<number>,
  log: Log,
  {
    providerTokens,
    ...more
  }: Pick<GovernorOptions, 'requestTimeoutMs'> & { readonly providerTokens?: ProviderTokenSource } = {},
): ConnectionGovernor {
  const source =
    providerTokens ?? (credential.kind === 'token' ? createProviderTokenSource(credential) : undefined);
  const connector =
    config.PUSHFLEET_APNS_SESSION === 'native' ? createNativeConnector : createNodeApnConnector;
  const open = connector({
    ...apnsTransport(config, credential),
    providerToken: source && (() => source.current()),
  });
  const maxInFlight = config.PUSHFLEET_MAX_IN_FLIGHT;
  return createConnectionGovernor({ open, maxInFlight, connectPermit, log, ...more });
}
