/** Of a request or a job: what becomes headers. */
export interface HeaderSource {
  readonly topic: string;
  readonly pushType: string;
  readonly priority: number;
  /** UNIX seconds; null leaves it to the deadline. */
  readonly expiration: number | null;
  /** Milliseconds since 1970. */
  readonly deadline: number;
  readonly collapseId: string;
}

/** The headers that all recipients of a dispatch share, as the worker sends them; each has its own `apns-id` and path. */
export function pushHeaders(source: HeaderSource): Record<string, string> {
  return {
    'apns-topic': source.topic,
    'apns-push-type': source.pushType,
    'apns-priority': String(source.priority),
    // Never left out: without it APNs stores a push for up to 30 days.
    'apns-expiration': String(source.expiration ?? Math.floor(source.deadline / 1_000)),
    'apns-collapse-id': source.collapseId,
  };
}
