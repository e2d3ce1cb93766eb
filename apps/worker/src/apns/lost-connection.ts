import type { GovernorLog } from './connection-governor.ts';

const UNTRUSTED = /certificate|CERT|altnames|self.signed|unable to verify/i;
const UNREACHABLE = /ECONNREFUSED|ENOTFOUND|EAI_AGAIN|EHOSTUNREACH|ENETUNREACH|ETIMEDOUT/;

/** Logs that the connection is lost and, where waiting alone will not mend it, what to do. */
export function tellLost(log: GovernorLog, detail: string, open: number, retryInMs: number): void {
  const facts = { event: 'connection.lost', detail, open, retryInMs } as const;
  if (UNTRUSTED.test(detail))
    log.error(
      facts,
      'the certificate of APNs is not trusted, so nothing is sent: is PUSHFLEET_APNS_CA_FILE the CA of the server at PUSHFLEET_APNS_URL? Mend it and start again',
    );
  else if (UNREACHABLE.test(detail))
    log.warn(
      facts,
      'APNs cannot be reached; trying again. Is PUSHFLEET_APNS_URL right, and is port 443 (or 2197, or PUSHFLEET_APNS_PROXY) open?',
    );
  else log.warn(facts, 'APNs connection is lost');
}
