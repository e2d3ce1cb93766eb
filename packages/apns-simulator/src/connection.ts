import type { ServerHttp2Session } from 'node:http2';
import type { TLSSocket } from 'node:tls';
import type { ProviderTokenBinding } from './provider-token-check.ts';
import type { Refusal } from './refusals.ts';
import type { CheckedConnection } from './request-checks.ts';

/** One client connection: what APNs binds to it, and what can be done to it. */
export class Connection implements CheckedConnection {
  providerToken: ProviderTokenBinding | undefined;
  readonly certificateTopic: string | undefined;
  /** What it answers to every request since a script made it stick. */
  stuckAt: Refusal | undefined;
  private isWarm = false;

  /** `number` counts from 1. */
  constructor(
    readonly number: number,
    private readonly session: ServerHttp2Session,
    private readonly socket: TLSSocket,
  ) {
    this.certificateTopic = topicOfCertificate(socket);
  }

  /** Opens the connection for `streamLimit` streams at once; done once, at the first accepted push. */
  warmUp(streamLimit: number): void {
    if (this.isWarm) return;
    this.isWarm = true;
    this.announce(streamLimit);
  }

  /** Changes the number of streams; a connection without an accepted push keeps its one. */
  limitStreams(streamLimit: number): void {
    if (this.isWarm) this.announce(streamLimit);
  }

  /** Sends GOAWAY with a reason as debug data. Without an error code the open streams may end first. */
  goAway(errorCode: number, reason: string): void {
    if (this.session.destroyed) return;
    this.session.goaway(errorCode, 0, Buffer.from(JSON.stringify({ reason })));
    if (errorCode === 0) this.session.close();
    else this.session.destroy(new Error(`GOAWAY ${errorCode} was sent`), errorCode);
  }

  /** Closes the TCP connection without a word of HTTP/2. */
  drop(): void {
    this.socket.destroy();
  }

  private announce(maxConcurrentStreams: number): void {
    if (!this.session.destroyed && !this.session.closed) this.session.settings({ maxConcurrentStreams });
  }
}

/** The UID in the subject: Apple puts the bundle id there. `undefined` without a certificate. */
function topicOfCertificate(socket: TLSSocket): string | undefined {
  const certificate = socket.getPeerCertificate();
  if (certificate === null || certificate === undefined || certificate.subject === undefined)
    return undefined;
  const { UID } = certificate.subject as unknown as Record<string, string | string[] | undefined>;
  return (Array.isArray(UID) ? UID[0] : UID) ?? '';
}
