import {
  type Config,
  ConfigurationError,
  type Environment,
  loadConfig,
} from '@pushfleet/shared/platform/config';
import { workerSettings } from '@pushfleet/shared/platform/process-settings';
import { type ApnsCredential, readCertificateCredential, readTokenCredential } from './apns/credential.ts';

export type WorkerConfig = Config<(typeof workerSettings)[number]>;

/**
 * The worker's settings, checked together: exactly one kind of credential, whole.
 *
 * @throws ConfigurationError with all faults at once
 */
export function loadWorkerConfig(environment: Environment): WorkerConfig {
  return loadConfig(workerSettings, environment, credentialFaults);
}

/**
 * The credential that the settings name.
 *
 * @throws ConfigurationError when it cannot be read
 */
export function readCredential(config: WorkerConfig): ApnsCredential {
  try {
    return config.PUSHFLEET_APNS_KEY !== undefined
      ? readTokenCredential({
          keyPem: config.PUSHFLEET_APNS_KEY,
          keyId: config.PUSHFLEET_APNS_KEY_ID!,
          teamId: config.PUSHFLEET_APNS_TEAM_ID!,
        })
      : readCertificateCredential({
          certPem: config.PUSHFLEET_APNS_CERT!,
          keyPem: config.PUSHFLEET_APNS_CERT_KEY,
          passphrase: config.PUSHFLEET_APNS_CERT_PASSPHRASE,
        });
  } catch (error) {
    const name = config.PUSHFLEET_APNS_KEY !== undefined ? 'PUSHFLEET_APNS_KEY' : 'PUSHFLEET_APNS_CERT';
    throw new ConfigurationError([`${name}: ${(error as Error).message}`]);
  }
}

/** What is wrong with the credential's settings, as far as it can be told without reading them. */
export function credentialFaults(config: Partial<WorkerConfig>): string[] {
  const hasKey = config.PUSHFLEET_APNS_KEY !== undefined;
  const hasCertificate = config.PUSHFLEET_APNS_CERT !== undefined;
  if (hasKey && hasCertificate)
    return ['PUSHFLEET_APNS_KEY and PUSHFLEET_APNS_CERT are both set; keep the one to authenticate with'];
  if (!hasKey && !hasCertificate)
    return [
      'PUSHFLEET_APNS_KEY is missing (or PUSHFLEET_APNS_KEY_FILE, the path of the .p8 file; or PUSHFLEET_APNS_CERT for a certificate)',
    ];
  if (hasCertificate) return [];
  return (['PUSHFLEET_APNS_KEY_ID', 'PUSHFLEET_APNS_TEAM_ID'] as const)
    .filter((name) => config[name] === undefined)
    .map((name) => `${name} is missing; PUSHFLEET_APNS_KEY needs it`);
}
