import type { Cluster } from 'ioredis';

/**
 * Has `connect` of a Cluster client, and of all copies of it, settle whatever happens. ioredis (6.0) forgets that
 * promise when the Cluster says that it is failing, as it does for a second or two of each failover, and connects
 * later without a word to whoever waits. BullMQ connects a silent client anew and waits for that: it would never take
 * a job again.
 */
export function withSettledConnect(client: Cluster): Cluster {
  const connect = client.connect.bind(client);
  const duplicate = client.duplicate.bind(client) as (...args: Parameters<Cluster['duplicate']>) => Cluster;
  // One for all attempts: ioredis, too, makes each of its own by this method.
  let waiting: Waiting | null = null;
  let attempts = 0;
  const settle = (error?: unknown) => {
    if (error === undefined) waiting?.resolve();
    else waiting?.reject(error);
    waiting = null;
  };
  client.on('ready', () => settle());
  client.on('end', () => settle(new Error('Connection is closed.')));
  client.connect = () => {
    if (['connecting', 'connect', 'ready'].includes(client.status)) return connect(); // it refuses
    waiting ??= newWaiting();
    const { promise } = waiting;
    const attempt = ++attempts;
    connect().then(
      () => settle(),
      // An attempt that was given up says nothing about the one after it.
      (error: unknown) => attempt === attempts && settle(error),
    );
    return promise;
  };
  client.duplicate = ((...args: Parameters<Cluster['duplicate']>) =>
    withSettledConnect(duplicate(...args))) as Cluster['duplicate'];
  return client;
}

interface Waiting {
  readonly promise: Promise<void>;
  resolve(): void;
  reject(error: unknown): void;
}

function newWaiting(): Waiting {
  let settle: Pick<Waiting, 'resolve' | 'reject'> | undefined;
  const promise = new Promise<void>((resolve, reject) => {
    settle = { resolve, reject };
  });
  return { promise, ...settle! };
}
