import { isIP } from 'node:net';
import { z } from 'zod';

/** How a connection to MySQL is made; `tls` null is plain TCP. */
export interface MysqlTarget {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly password: string;
  readonly database: string;
  readonly tls: null | {
    readonly verifyChain: boolean;
    readonly verifyHost: boolean;
    readonly required: boolean;
  };
}

const TLS_BY_MODE: ReadonlyMap<string, MysqlTarget['tls']> = new Map([
  ['DISABLED', null],
  ['PREFERRED', { verifyChain: false, verifyHost: false, required: false }],
  ['REQUIRED', { verifyChain: false, verifyHost: false, required: true }],
  ['VERIFY_CA', { verifyChain: true, verifyHost: false, required: true }],
  ['VERIFY_IDENTITY', { verifyChain: true, verifyHost: true, required: true }],
]);

/** Parsed here, as mysql2 throws on `?ssl=true` and silently ignores `ssl-mode`. */
export const mysqlUrl = z.string().transform((value, context): MysqlTarget => {
  const fail = (message: string): never => {
    context.addIssue({ code: 'custom', message });
    return z.NEVER as never;
  };
  let url: URL;
  try {
    url = new URL(value);
  } catch {
    return fail('must look like mysql://user@host:3306/database');
  }
  if (url.protocol !== 'mysql:') return fail('must start with mysql://');
  const database = decodeURIComponent(url.pathname.slice(1));
  if (database === '') return fail('names no database: mysql://user@host:3306/database');
  for (const name of url.searchParams.keys()) {
    if (name !== 'ssl-mode') return fail(`has the parameter "${name}"; the only one known is ssl-mode`);
  }
  const mode = url.searchParams.get('ssl-mode') ?? 'PREFERRED';
  const tls = TLS_BY_MODE.get(mode.toUpperCase());
  if (tls === undefined) return fail(`ssl-mode must be one of ${[...TLS_BY_MODE.keys()].join(', ')}`);
  const host = url.hostname.replace(/^\[|\]$/g, '') || '127.0.0.1';
  // For an address mysql2 gives Node no name, and Node then compares the certificate with "localhost".
  if (tls?.verifyHost && isIP(host) !== 0)
    return fail('has an address and ssl-mode=VERIFY_IDENTITY; name the host as its certificate does');
  return {
    host,
    port: url.port === '' ? 3306 : Number(url.port),
    user: decodeURIComponent(url.username),
    password: decodeURIComponent(url.password),
    database,
    tls,
  };
});
