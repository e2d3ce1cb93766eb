import type { ApnsCredential } from '@pushfleet/app-worker/apns/credential';
import { createProviderTokenSource } from '@pushfleet/app-worker/apns/provider-token';
import { bracketed } from '@pushfleet/app-worker/apns/tls-transport';
import { apnsTransport } from '@pushfleet/app-worker/apns-transport';
import { loadWorkerConfig, readCredential, type WorkerConfig } from '@pushfleet/app-worker/worker-config';
import { ConfigurationError, type Environment, loadConfig } from '@pushfleet/shared/platform/config';
import { answerFinding, clockFinding, type ProbeAnswer, unreachableFinding } from './apns-answer-findings.ts';
import { probeApns } from './apns-probe.ts';
import { certificateFindings, idFindings, swapMend, unusableKey } from './credential-findings.ts';
import { type Finding, fault, ok, skipped } from './finding.ts';

/**
 * The credential, and what APNs says to it. Nothing is sent to a device.
 *
 * @param environment known settings only
 * @param now reads the clock, milliseconds since 1970
 */
export async function checkApns(environment: Environment, now: () => number): Promise<Finding[]> {
  const findings: Finding[] = [];
  const keyPath = environment.PUSHFLEET_APNS_KEY_FILE;
  if (environment.PUSHFLEET_APNS_KEY !== undefined || keyPath !== undefined)
    findings.push(
      ...idFindings({
        keyId: environment.PUSHFLEET_APNS_KEY_ID,
        teamId: environment.PUSHFLEET_APNS_TEAM_ID,
        keyPath,
      }),
    );
  let config: WorkerConfig;
  let credential: ApnsCredential;
  try {
    config = loadWorkerConfig(environment);
  } catch (error) {
    if (!(error instanceof ConfigurationError)) throw error;
    return [...findings, ...signingKey(environment), skipped('APNs connection', 'the settings come first')];
  }
  try {
    credential = readCredential(config);
  } catch (error) {
    if (!(error instanceof ConfigurationError)) throw error;
    return [
      ...findings,
      ...error.faults.map((said) =>
        config.PUSHFLEET_APNS_KEY === undefined
          ? fault(
              'APNs certificate',
              said,
              'PUSHFLEET_APNS_CERT_FILE=FILE',
              'certificate and private key in one PEM file',
            )
          : unusableKey(said, config.PUSHFLEET_APNS_KEY, keyPath),
      ),
      skipped('APNs connection', 'the credential comes first'),
    ];
  }
  if (credential.kind === 'token') findings.push(ok('APNs key', 'a P-256 key in PKCS#8'));
  else
    findings.push(
      ...certificateFindings(
        credential.certPem,
        config.PUSHFLEET_APNS_TOPIC,
        config.PUSHFLEET_APNS_ENVIRONMENT,
        now(),
      ),
    );
  return [...findings, hostFinding(config), ...(await ask(config, credential, now))];
}

/** The key is looked at although other settings are wrong. */
function signingKey(environment: Environment): Finding[] {
  try {
    const { PUSHFLEET_APNS_KEY: keyPem } = loadConfig(['PUSHFLEET_APNS_KEY'], environment);
    if (keyPem === undefined) return [];
    try {
      createProviderTokenSource({ keyPem, keyId: 'KEYID12345', teamId: 'TEAMID1234' });
      return [ok('APNs key', 'a P-256 key in PKCS#8')];
    } catch (error) {
      return [unusableKey((error as Error).message, keyPem, environment.PUSHFLEET_APNS_KEY_FILE)];
    }
  } catch {
    return []; // Said with the settings.
  }
}

function hostFinding({
  PUSHFLEET_APNS_URL: url,
  PUSHFLEET_APNS_ENVIRONMENT: environment,
}: WorkerConfig): Finding {
  const host = url === undefined ? undefined : new URL(url).hostname;
  if (host === undefined || !/(^|\.)apple\.com$/.test(host))
    return ok('APNs environment', host === undefined ? environment : `${environment}, at ${host}`);
  const led = /sandbox|development/.test(host) ? 'sandbox' : 'production';
  return led === environment
    ? ok('APNs environment', `${environment}, at ${host}`)
    : fault(
        'APNs environment',
        `PUSHFLEET_APNS_URL leads to ${host}, of the environment ${led}; PUSHFLEET_APNS_ENVIRONMENT is ${environment}`,
        `PUSHFLEET_APNS_ENVIRONMENT=${led}`,
        'or leave PUSHFLEET_APNS_URL empty',
      );
}

async function ask(config: WorkerConfig, credential: ApnsCredential, now: () => number): Promise<Finding[]> {
  const probed = {
    topic: config.PUSHFLEET_APNS_TOPIC,
    environment: config.PUSHFLEET_APNS_ENVIRONMENT,
    kind: credential.kind,
  };
  let answer: ProbeAnswer;
  const transport = apnsTransport(config, credential);
  try {
    answer = await probeApns(transport, probed.topic, authorization(credential, now));
  } catch (error) {
    const { message } = error as Error;
    return [unreachableFinding(message, transport.host, transport.port, transport.proxy !== undefined)];
  }
  return [
    ok('APNs connection', `${bracketed(transport.host)}:${transport.port} answers`),
    clockFinding(answer.date, now()),
    (await swappedIds(answer, config, credential, now)) ?? answerFinding(answer, probed),
  ];
}

/** APNs says InvalidProviderToken to many things; whether the ids are swapped can be tried. */
async function swappedIds(
  { reason }: ProbeAnswer,
  config: WorkerConfig,
  credential: ApnsCredential,
  now: () => number,
): Promise<Finding | null> {
  if (reason !== 'InvalidProviderToken' || credential.kind !== 'token') return null;
  const { keyId, teamId } = credential;
  const swapped = { ...credential, keyId: teamId, teamId: keyId };
  const transport = apnsTransport(config, swapped);
  const answer = await probeApns(transport, config.PUSHFLEET_APNS_TOPIC, authorization(swapped, now)).catch(
    () => null,
  );
  // Nothing else proves it: 429 and 5xx are said to anybody.
  if (answer?.reason !== 'BadDeviceToken') return null;
  return fault(
    'APNs credential',
    'key id and team id are swapped: APNs takes them the other way round',
    swapMend(keyId, teamId),
  );
}

function authorization(credential: ApnsCredential, now: () => number): string | undefined {
  if (credential.kind === 'certificate') return undefined;
  return `bearer ${createProviderTokenSource({ ...credential, now }).current()}`;
}
