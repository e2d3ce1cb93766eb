/** How a simulator starts. Everything has a default that suits a test on this machine. */
export interface SimulatorOptions {
  /** Port of the APNs server; 0 takes a free one. */
  port?: number;
  /** Address that both servers listen on. Default 127.0.0.1. */
  host?: string;
  /** Names beside localhost that the certificate is good for, such as a compose service's. */
  hostNames?: string[];
  /** Port of the admin server (HTTP); 0 takes a free one. */
  adminPort?: number;
  /** Bundle ids or whole topics that may be pushed to. Default: any. */
  topics?: string[];
  /** Compared with the provider token's `iss` and `kid` if given. */
  teamId?: string;
  keyId?: string;
  /** SPKI PEM of the .p8 key: the provider token's signature is verified with it. */
  publicKeyPem?: string;
  /** Default true. False also lets connections without certificate and provider token push. */
  requireProviderToken?: boolean;
  /** Milliseconds that each answer is held back. Default 0. */
  latencyMs?: number;
  /** Streams per connection. Default 1000. */
  streamLimit?: number;
  /** One stream until the connection's first accepted push; does not apply to client certificates. Default true. */
  oneStreamUntilAccepted?: boolean;
  /** 'all' keeps each push and request, 64 bytes each; 'counts' only totals, so that memory is flat. Default 'all'. */
  record?: 'all' | 'counts';
  /**
   * For benchmarks: an HTTP/2 server that costs little, counts and accepts whatever is whole. Takes no rules but
   * latency and streams, checks no provider token, keeps no single push. Default false.
   */
  fast?: boolean;
  /** How many pushes, and how many requests, 'all' keeps. Default 2,000,000. */
  maxRecords?: number;
  /** 'sandbox' adds `apns-unique-id` to answers. Default 'production'. */
  environment?: 'production' | 'sandbox';
  /** Milliseconds since 1970. Default Date.now. */
  now?: () => number;
}
