import { z } from 'zod';

/** How a connection to Redis is made. */
export type RedisTarget =
  | { readonly kind: 'single'; readonly url: string }
  | { readonly kind: 'cluster'; readonly urls: readonly string[] }
  | {
      readonly kind: 'sentinel';
      readonly sentinels: readonly { host: string; port: number }[];
      readonly master: string;
      readonly username?: string;
      readonly password?: string;
    };

const FORM =
  'must look like redis://host:6379, rediss://…, redis+sentinel://h1,h2/master, or several redis:// for Cluster';

export const redisUrl = z.string().transform((value, context): RedisTarget => {
  const target = value.startsWith('redis+sentinel://') ? sentinel(value) : plain(value);
  if (target === null) {
    context.addIssue({ code: 'custom', message: FORM });
    return z.NEVER as never;
  }
  return target;
});

function plain(value: string): RedisTarget | null {
  const urls = value.split(',').map((part) => part.trim());
  for (const url of urls) {
    if (!/^rediss?:\/\//.test(url) || !URL.canParse(url)) return null;
  }
  return urls.length === 1 ? { kind: 'single', url: urls[0]! } : { kind: 'cluster', urls };
}

function sentinel(value: string): RedisTarget | null {
  const match = /^redis\+sentinel:\/\/(?:([^:@/]*)(?::([^@/]*))?@)?([^/]+)\/([^/?]+)$/.exec(value);
  if (match === null) return null;
  const sentinels = match[3]!.split(',').map((part) => {
    // An IPv6 address stands in brackets, as in any URL; ioredis wants it without.
    const found = /^(?:\[([^\]]*)\]|([^:]*))(?::(.*))?$/.exec(part.trim());
    const port = found?.[3];
    return { host: found?.[1] ?? found?.[2] ?? '', port: port === undefined ? 26379 : Number(port) };
  });
  if (sentinels.some(({ host, port }) => host === '' || !Number.isInteger(port))) return null;
  return {
    kind: 'sentinel',
    sentinels,
    master: match[4]!,
    username: match[1] || undefined,
    password: match[2] || undefined,
  };
}
