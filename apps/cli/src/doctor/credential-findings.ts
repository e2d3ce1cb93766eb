import { X509Certificate } from 'node:crypto';
import { basename } from 'node:path';
import { shellQuoted } from '@pushfleet/shared/platform/file-permissions';
import { type Finding, fault, ok, warning } from './finding.ts';

const DAY_MS = 86_400_000;
const TEN_CHARACTERS = /^[A-Z0-9]{10}$/;

export interface KeyIds {
  readonly keyId: string | undefined;
  readonly teamId: string | undefined;
  /** Apple names the file after the key: AuthKey_KEYID.p8. */
  readonly keyPath: string | undefined;
}

/** Key id and team id, as far as they can be judged without asking APNs. */
export function idFindings({ keyId = '', teamId = '', keyPath }: KeyIds): Finding[] {
  const named = keyPath === undefined ? undefined : keyIdInName(keyPath);
  if (named !== undefined && teamId === named && keyId !== named)
    return [fault('key id', 'key id and team id are swapped', swapMend(keyId, teamId))];
  const findings: Finding[] = [];
  if (!TEN_CHARACTERS.test(keyId))
    findings.push(
      fault(
        'key id',
        `PUSHFLEET_APNS_KEY_ID is ${keyId === '' ? 'missing' : `"${keyId}"`}; a key id has ten capital letters and digits`,
        `PUSHFLEET_APNS_KEY_ID=${named ?? 'KEYID'}`,
        named === undefined
          ? 'the ten characters in the name of the key file, AuthKey_KEYID.p8, and at developer.apple.com under Keys'
          : null,
      ),
    );
  else if (named !== undefined && named !== keyId)
    findings.push(
      warning(
        'key id',
        `PUSHFLEET_APNS_KEY_ID is ${keyId}, but the key file is named after ${named}`,
        `PUSHFLEET_APNS_KEY_ID=${named}`,
      ),
    );
  if (!TEN_CHARACTERS.test(teamId))
    findings.push(
      fault(
        'team id',
        `PUSHFLEET_APNS_TEAM_ID is ${teamId === '' ? 'missing' : `"${teamId}"`}; a team id has ten capital letters and digits`,
        'PUSHFLEET_APNS_TEAM_ID=TEAMID',
        'the ten characters at developer.apple.com under Membership',
      ),
    );
  return findings.length > 0 ? findings : [ok('key id', `key ${keyId} of team ${teamId}`)];
}

/** The settings with both ids in each other's place. */
export function swapMend(keyId: string, teamId: string): string {
  return `PUSHFLEET_APNS_KEY_ID=${teamId}\nPUSHFLEET_APNS_TEAM_ID=${keyId}`;
}

/** A key that cannot sign for APNs, with the command that makes one of it that can. */
export function unusableKey(said: string, pem: string, keyPath: string | undefined): Finding {
  if (!/BEGIN EC PRIVATE KEY/.test(pem))
    return fault(
      'APNs key',
      said,
      'PUSHFLEET_APNS_KEY_FILE=AuthKey_KEYID.p8',
      'the file as Apple hands it out; it can be downloaded once, else make a new key',
    );
  const path = keyPath ?? 'KEYFILE';
  const made = `${path}.pkcs8`;
  return fault(
    'APNs key',
    said,
    `openssl pkcs8 -topk8 -nocrypt -in ${shellQuoted(path)} -out ${shellQuoted(made)}\nPUSHFLEET_APNS_KEY_FILE=${made}`,
    'the same key in the other form, and the setting that names it',
  );
}

/** When a certificate ends, and whether it is of this topic and environment. */
export function certificateFindings(
  certPem: string,
  topic: string,
  environment: 'production' | 'sandbox',
  now: number,
): Finding[] {
  const { validTo, subject } = new X509Certificate(certPem);
  const bundleId = /^UID=(.+)$/m.exec(subject)?.[1];
  const isOfTopic = bundleId === undefined || topic === bundleId || topic.startsWith(`${bundleId}.`);
  // "Apple Development IOS Push Services: …"; "Apple Push Services: …" is good for both.
  const isSandboxOnly = /^CN=.*Development.*Push/m.test(subject);
  return [
    expiryFinding(Date.parse(validTo), now),
    isOfTopic
      ? ok('certificate topic', `the certificate is good for ${topic}, as far as it says`)
      : fault(
          'certificate topic',
          `the certificate is of ${bundleId}, the topic is ${topic}`,
          `PUSHFLEET_APNS_TOPIC=${bundleId}`,
        ),
    environment === 'production' && isSandboxOnly
      ? fault(
          'certificate environment',
          'the certificate is one of the sandbox, the environment is production',
          'PUSHFLEET_APNS_ENVIRONMENT=sandbox',
          'or take a certificate "Apple Push Services"',
        )
      : ok('certificate environment', `nothing speaks against ${environment}`),
  ];
}

/** @param endsAt milliseconds since 1970, as `now` */
export function expiryFinding(endsAt: number, now: number): Finding {
  const day = new Date(endsAt).toISOString().slice(0, 10);
  const note =
    'make a new certificate at developer.apple.com (Certificates, Apple Push Notification service SSL), set PUSHFLEET_APNS_CERT_FILE, restart the workers';
  if (endsAt <= now) return fault('certificate expiry', `the certificate ended on ${day}`, null, note);
  const days = Math.floor((endsAt - now) / DAY_MS);
  return days < 30
    ? warning('certificate expiry', `the certificate ends on ${day}, in ${days} days`, null, note)
    : ok('certificate expiry', `the certificate ends on ${day}`);
}

function keyIdInName(path: string): string | undefined {
  return /^AuthKey_([A-Z0-9]{10})\.p8$/.exec(basename(path))?.[1];
}
