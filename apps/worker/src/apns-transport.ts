import { readFileSync } from 'node:fs';
import { ConfigurationError } from '@pushfleet/shared/platform/config';
import type { ApnsCredential } from './apns/credential.ts';
import type { TransportOptions } from './apns/tls-transport.ts';
import type { WorkerConfig } from './worker-config.ts';

/** Apple's hosts ("Sending notification requests to APNs"). */
const HOSTS = { production: 'api.push.apple.com', sandbox: 'api.sandbox.push.apple.com' };

/**
 * Where and how the settings say that APNs is reached.
 * @throws ConfigurationError when the CA cannot be read
 */
export function apnsTransport(config: WorkerConfig, credential: ApnsCredential): TransportOptions {
  const url = new URL(config.PUSHFLEET_APNS_URL ?? `https://${HOSTS[config.PUSHFLEET_APNS_ENVIRONMENT]}`);
  const proxy = config.PUSHFLEET_APNS_PROXY === undefined ? undefined : new URL(config.PUSHFLEET_APNS_PROXY);
  return {
    host: bareHost(url),
    port: url.port === '' ? 443 : Number(url.port),
    credential,
    ca: readCaFile(config.PUSHFLEET_APNS_CA_FILE),
    proxy: proxy && { host: bareHost(proxy), port: proxy.port === '' ? 80 : Number(proxy.port) },
  };
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
