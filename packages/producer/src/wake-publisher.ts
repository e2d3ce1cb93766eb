import { MissingDriverError, ProducerOptionsError } from './errors.ts';

/** Anything that can publish: an ioredis or node-redis client of the backend's own. */
export interface Publisher {
  publish(channel: string, message: string): unknown;
}

interface OwnClient extends Publisher {
  on(event: 'error', listener: () => void): void;
  disconnect(): void;
}

const PATIENCE_MS = 1_000;

/** Tells the daemon that there is something to do. Its poll finds it anyway, so no failure is one. */
export class WakePublisher {
  readonly #channel: string;
  readonly #given: string | Publisher;
  #client: Promise<OwnClient> | undefined;
  readonly #underway = new Set<Promise<void>>();

  constructor(given: string | Publisher, prefix: string) {
    this.#given = given;
    this.#channel = `${prefix}:wake`;
    if (typeof given === 'string') redisArguments(given);
  }

  /** @throws MissingDriverError where a URL was given and ioredis is not installed */
  async prepare(): Promise<void> {
    if (typeof this.#given === 'string') await this.#own(this.#given);
  }

  /** Never throws, and takes a second at most. */
  wake(): Promise<void> {
    const publishing = this.#publish()
      .catch(() => {})
      .finally(() => this.#underway.delete(publishing));
    this.#underway.add(publishing);
    return publishing;
  }

  async close(): Promise<void> {
    await Promise.all(this.#underway);
    if (this.#client !== undefined) (await this.#client.catch(() => undefined))?.disconnect();
  }

  async #publish(): Promise<void> {
    const client = typeof this.#given === 'string' ? await this.#own(this.#given) : this.#given;
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise((resolve) => {
      timer = setTimeout(resolve, PATIENCE_MS);
    });
    await Promise.race([client.publish(this.#channel, 'wake'), late]).finally(() => clearTimeout(timer));
  }

  #own(url: string): Promise<OwnClient> {
    this.#client ??= connect(url);
    return this.#client;
  }
}

async function connect(url: string): Promise<OwnClient> {
  let ioredis: {
    Redis: new (...args: unknown[]) => OwnClient;
    Cluster: new (...args: unknown[]) => OwnClient;
  };
  try {
    // A name that the compiler does not follow: the driver is optional.
    const name: string = 'ioredis';
    ioredis = await import(name);
  } catch (cause) {
    throw new MissingDriverError('ioredis', { cause });
  }
  const { cluster, args } = redisArguments(url);
  const client = cluster ? new ioredis.Cluster(...args) : new ioredis.Redis(...args);
  client.on('error', () => {});
  return client;
}

const OPTIONS = { maxRetriesPerRequest: 1, connectTimeout: 1_000, disconnectTimeout: 100, lazyConnect: true };

/** How ioredis is called for the forms of PUSHFLEET_REDIS_URL. */
export function redisArguments(url: string): { cluster: boolean; args: unknown[] } {
  const sentinel = /^redis\+sentinel:\/\/(?:([^:@/]*)(?::([^@/]*))?@)?([^/]+)\/([^/?]+)$/.exec(url);
  if (sentinel !== null) {
    const [, username, password, hosts, name] = sentinel;
    const sentinels = hosts!.split(',').map((host) => {
      const [address, port] = host.split(':');
      return { host: address, port: Number(port ?? 26379) };
    });
    const login = { username: username || undefined, password: password || undefined };
    return { cluster: false, args: [{ ...OPTIONS, ...login, sentinels, name }] };
  }
  const urls = url.split(',').map((part) => part.trim());
  if (!urls.every((part) => /^rediss?:\/\//.test(part) && URL.canParse(part)))
    throw new ProducerOptionsError(
      'redis must be a client, or look like redis://host:6379, rediss://…, redis+sentinel://h1,h2/master, or several for Cluster',
    );
  if (urls.length === 1) return { cluster: false, args: [urls[0], OPTIONS] };
  return { cluster: true, args: [urls, { redisOptions: OPTIONS, lazyConnect: true }] };
}
