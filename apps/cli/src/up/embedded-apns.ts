import { chmodSync, writeFileSync } from 'node:fs';
import { type Simulator, startSimulator } from '@pushfleet/apns-simulator/simulator';
import { makeSigningKey } from '@pushfleet/apns-simulator/test-client';
import type { Settings } from './check-settings.ts';
import { SAMPLE_SCRIPT } from './sample-devices.ts';
import type { Started } from './shutdown.ts';
import type { StateDirectory } from './state-directory.ts';

const TOPIC = 'com.example.sample';
const TEAM_ID = 'TEAMID1234';
const KEY_ID = 'KEYID12345';
/** About what Apple takes from a data centre near by; without it there would be no progress to see. */
const LATENCY_MS = 20;
/** Pushes that are remembered one by one: 64 bytes each. */
const MAX_RECORDS = 200_000;

export interface EmbeddedApns extends Started {
  readonly simulator: Simulator;
  /** What the workers need to reach it. */
  readonly settings: Settings;
}

/**
 * Starts the APNs simulator in this process, with a key made for it. It refuses some device tokens only with
 * `sample`: what it answers to others would end in somebody's database.
 */
export async function startEmbeddedApns(state: StateDirectory, sample: boolean): Promise<EmbeddedApns> {
  const key = makeSigningKey();
  const simulator = await startSimulator({
    teamId: TEAM_ID,
    keyId: KEY_ID,
    publicKeyPem: key.publicKeyPem,
    topics: [TOPIC],
    latencyMs: LATENCY_MS,
    maxRecords: MAX_RECORDS,
    environment: 'sandbox',
  });
  if (sample) simulator.script(SAMPLE_SCRIPT);

  const keyFile = state.file('apns-key.p8');
  const caFile = state.file('apns-ca.pem');
  writeFileSync(keyFile, key.privateKeyPem, { mode: 0o600 });
  chmodSync(keyFile, 0o600);
  writeFileSync(caFile, simulator.caPem);
  return {
    name: 'APNs simulator',
    kind: 'simulator',
    simulator,
    settings: {
      PUSHFLEET_APNS_URL: simulator.url,
      PUSHFLEET_APNS_CA_FILE: caFile,
      PUSHFLEET_APNS_KEY_FILE: keyFile,
      PUSHFLEET_APNS_KEY_ID: KEY_ID,
      PUSHFLEET_APNS_TEAM_ID: TEAM_ID,
      PUSHFLEET_APNS_TOPIC: TOPIC,
      PUSHFLEET_APNS_ENVIRONMENT: 'sandbox',
    },
    stop: () => simulator.close(),
    kill: () => void simulator.close(),
  };
}
