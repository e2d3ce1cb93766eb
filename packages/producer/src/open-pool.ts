import { isIP } from 'node:net';
import { MissingDriverError, ProducerOptionsError } from './errors.ts';

/** The part of a mysql2 pool (promise API) that is used. */
export interface Pool {
  getConnection(): Promise<PoolConnection>;
  end(): Promise<void>;
}

export interface PoolConnection {
  query(sql: string, values?: never[]): Promise<unknown>;
  release(): void;
  destroy?(): void;
}

const TLS: ReadonlyMap<string, object | null> = new Map<string, object | null>([
  ['DISABLED', null],
  ['PREFERRED', { rejectUnauthorized: false }],
  ['REQUIRED', { rejectUnauthorized: false }],
  ['VERIFY_CA', { rejectUnauthorized: true, verifyIdentity: false }],
  ['VERIFY_IDENTITY', { rejectUnauthorized: true, verifyIdentity: true }],
]);

/** Connection options of a `mysql://` URL. mysql2 silently ignores `ssl-mode`, so it is read here. */
export function poolOptions(url: string): { options: Record<string, unknown>; sslMode: string } {
  if (!URL.canParse(url) || !url.startsWith('mysql://'))
    throw new ProducerOptionsError('mysql must be a pool, or look like mysql://user@host:3306/database');
  const { hostname, port, username, password, pathname, searchParams } = new URL(url);
  if (pathname.length < 2)
    throw new ProducerOptionsError('mysql names no database: mysql://user@host:3306/database');
  const sslMode = (searchParams.get('ssl-mode') ?? 'PREFERRED').toUpperCase();
  const tls = TLS.get(sslMode);
  const others = [...searchParams.keys()].filter((name) => name !== 'ssl-mode');
  if (tls === undefined || others.length > 0)
    throw new ProducerOptionsError(
      `the only parameter of the mysql URL is ssl-mode, one of ${[...TLS.keys()].join(', ')}`,
    );
  const host = hostname.replace(/^\[|\]$/g, '');
  // For an address mysql2 gives Node no name, and Node then compares the certificate with "localhost".
  if (sslMode === 'VERIFY_IDENTITY' && isIP(host) !== 0)
    throw new ProducerOptionsError(
      'mysql has an address and ssl-mode=VERIFY_IDENTITY; name the host as its certificate does',
    );
  const options = {
    host,
    port: port === '' ? 3306 : Number(port),
    user: decodeURIComponent(username),
    password: decodeURIComponent(password),
    database: decodeURIComponent(pathname.slice(1)),
    charset: 'utf8mb4_general_ci',
    connectionLimit: 4,
    supportBigNumbers: true,
    ...(tls !== null && { ssl: tls }),
  };
  return { options, sslMode };
}

/** @throws MissingDriverError without mysql2, and what connecting throws */
export async function openPool(url: string): Promise<Pool> {
  const { options, sslMode } = poolOptions(url);
  const { createPool } = await loadMysql2();
  if (sslMode !== 'PREFERRED') return createPool(options);
  const pool = createPool(options);
  try {
    (await pool.getConnection()).release();
    return pool;
  } catch (error) {
    await pool.end().catch(() => {});
    if ((error as { code?: string }).code !== 'HANDSHAKE_NO_SSL_SUPPORT') throw error;
    const { ssl: _, ...plain } = options;
    return createPool(plain);
  }
}

async function loadMysql2(): Promise<{ createPool(options: object): Pool }> {
  try {
    // A name that the compiler does not follow: the driver is optional.
    const name: string = 'mysql2/promise';
    return await import(name);
  } catch (cause) {
    throw new MissingDriverError('mysql2', { cause });
  }
}
