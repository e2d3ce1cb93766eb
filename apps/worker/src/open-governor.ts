import { readFileSync } from 'node:fs';
import { ConfigurationError } from '@pushfleet/shared/platform/config';
import type { Log } from '@pushfleet/shared/platform/log';
import {
  type ConnectionGovernor,
  createConnectionGovernor,
  type GovernorOptions,
} from './apns/connection-governor.ts';
import type { ApnsCredential } from './apns/credential.ts';
import { createNodeApnConnector } from './apns/node-apn-connection.ts';
import { createProviderTokenSource, type ProviderTokenSource } from './apns/provider-token.ts';
import type { WorkerConfig } from './worker-config.ts';

/** Apple's hosts ("Sending notification requests to APNs"). */
const HOSTS = { production: 'api.push.apple.com', sandbox: 'api.sandbox.push.apple.com' };

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
  const url = new URL(config.PUSHFLEET_APNS_URL ?? `https://${HOSTS[config.PUSHFLEET_APNS_ENVIRONMENT]}`);
  const proxy = config.PUSHFLEET_APNS_PROXY === undefined ? undefined : new URL(config.PUSHFLEET_APNS_PROXY);
  const source =
    providerTokens ?? (credential.kind === 'token' ? createProviderTokenSource(credential) : undefined);
  const open = createNodeApnConnector({
    host: bareHost(url),
    port: url.port === '' ? 443 : Number(url.port),
    credential,
    ca: readCaFile(config.PUSHFLEET_APNS_CA_FILE),
    proxy: proxy && { host: bareHost(proxy), port: proxy.port === '' ? 80 : Number(proxy.port) },
    providerToken: source && (() => source.current()),
  });
  const maxInFlight = config.PUSHFLEET_MAX_IN_FLIGHT;
  return createConnectionGovernor({ open, maxInFlight, connectPermit, log, ...more });
}

function readCaFile(path: string | undefined): string | undefined {
  if (path === undefined) return undefined;
  try {
    return readFileSync(path, 'utf8');
  } catch {
    throw new ConfigurationError([`PUSHFLEET_APNS_CA_FILE: ${path} cannot be read`]);
  }
}

/** Without the brackets of an IPv6 address. */
function bareHost(url: URL): string {
  return url.hostname.replace(/^\[(.*)\]$/, '$1');
}
