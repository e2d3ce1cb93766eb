import { bracketed } from '@pushfleet/app-worker/apns/tls-transport';
import { type Finding, fault, ok, skipped, warning } from './finding.ts';

/** What APNs answered to a push for a device token that no device can have. */
export interface ProbeAnswer {
  readonly status: number;
  readonly reason: string;
  /** Of the `date` header, milliseconds since 1970; null without one. */
  readonly date: number | null;
}

export interface Probed {
  readonly topic: string;
  readonly environment: 'production' | 'sandbox';
  readonly kind: 'token' | 'certificate';
}

/** Credential, topic and environment: APNs judges them together. */
const CHECK = 'APNs credential';

/**
 * APNs looks at credential and topic before the device token (Apple, "Handling notification responses from
 * APNs"), so BadDeviceToken means that both are good.
 */
export function answerFinding(
  { status, reason }: ProbeAnswer,
  { topic, environment, kind }: Probed,
): Finding {
  const other = environment === 'production' ? 'sandbox' : 'production';
  const said = `APNs (${environment}) answers ${status} ${reason}`;
  switch (reason) {
    case 'BadDeviceToken':
    case 'MissingDeviceToken':
      return ok(
        CHECK,
        `APNs (${environment}) takes the ${kind === 'token' ? 'key' : 'certificate'} for ${topic}`,
      );
    case 'TopicDisallowed':
    case 'BadTopic':
    case 'MissingTopic':
    case 'DeviceTokenNotForTopic':
      return fault(
        CHECK,
        `${said}: this credential may not push to ${topic}`,
        'PUSHFLEET_APNS_TOPIC=BUNDLEID',
        'the bundle id of an app of this team that the key may push to; in Xcode under Signing & Capabilities',
      );
    case 'BadEnvironmentKeyIdInToken':
    case 'BadEnvironmentKeyInToken':
    case 'BadCertificateEnvironment':
      return fault(
        CHECK,
        `${said}: the credential is one of the ${other === 'sandbox' ? 'sandbox' : 'production environment'}`,
        `PUSHFLEET_APNS_ENVIRONMENT=${other}`,
        `the environment of the credential; or take a credential of ${environment}`,
      );
    case 'ExpiredProviderToken':
      return fault(CHECK, `${said}: the clock of this machine is off`, 'timedatectl set-ntp true');
    case 'TooManyProviderTokenUpdates':
    case 'TooManyRequests':
      return warning(
        CHECK,
        `${said}, which says nothing about the credential`,
        'pushfleet doctor',
        'again in 20 minutes',
      );
  }
  if (status === 403)
    return fault(
      CHECK,
      said,
      null,
      kind === 'token'
        ? 'PUSHFLEET_APNS_KEY_FILE, PUSHFLEET_APNS_KEY_ID and PUSHFLEET_APNS_TEAM_ID must be of one key that was not revoked: compare them with developer.apple.com under Keys'
        : 'make a new certificate at developer.apple.com, set PUSHFLEET_APNS_CERT_FILE',
    );
  if (status === 200)
    return warning(
      CHECK,
      `${said} for a device token that cannot exist`,
      null,
      'PUSHFLEET_APNS_URL must lead to APNs',
    );
  return warning(
    CHECK,
    `${said}, which says nothing about the credential`,
    'pushfleet doctor',
    'again later',
  );
}

const CLOCK_FAULT_MS = 300_000;
const CLOCK_WARNING_MS = 30_000;

/**
 * Our clock beside that of APNs, whose header has whole seconds.
 * @param now milliseconds since 1970, read when the answer came
 */
export function clockFinding(date: number | null, now: number): Finding {
  if (date === null) return skipped('clock', 'APNs sent no date');
  const off = now - date;
  const what = `this machine's clock is ${Math.round(Math.abs(off) / 1_000)} s ${off > 0 ? 'ahead of' : 'behind'} APNs'`;
  const mend = 'timedatectl set-ntp true';
  if (Math.abs(off) >= CLOCK_FAULT_MS)
    return fault('clock', `${what}: provider tokens are refused, pushes sent early or late`, mend);
  if (Math.abs(off) >= CLOCK_WARNING_MS) return warning('clock', what, mend);
  return ok('clock', 'that of APNs, to the seconds');
}

/** @param host a name or an address, without brackets */
export function unreachableFinding(detail: string, host: string, port: number, hasProxy: boolean): Finding {
  const what = `APNs cannot be reached at ${bracketed(host)}:${port} (${detail})`;
  if (/certificate|altnames|self-signed/i.test(detail))
    return fault(
      'APNs connection',
      what,
      'PUSHFLEET_APNS_CA_FILE=FILE',
      'the CA of what stands in for APNs; for Apple leave it empty',
    );
  if (hasProxy)
    return fault(
      'APNs connection',
      what,
      'PUSHFLEET_APNS_PROXY=http://HOST:PORT',
      'a proxy that allows CONNECT to this address',
    );
  return fault(
    'APNs connection',
    what,
    `PUSHFLEET_APNS_URL=https://${bracketed(host)}:${port === 2197 ? 443 : 2197}`,
    'a proxy (PUSHFLEET_APNS_PROXY=http://PROXY:3128), or the same service on a port that firewalls may leave open',
  );
}
