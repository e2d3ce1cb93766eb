import {
  APNS_UNAVAILABLE,
  type BreakersSeen,
  breakerName,
  clearBreakers,
  partsOfBreaker,
  readBreakers,
  restoreBreakers,
} from '@pushfleet/shared/queue/breaker';
import {
  type AppBreakers,
  type KnownBreaker,
  readAppBreakers,
  saveBreakers,
} from '@pushfleet/shared/store/breakers';
import type { ProducerContext } from './producer-context.ts';

/**
 * Keeps in MySQL which breakers the workers have opened, so that they outlive Redis and somebody is told
 * once. While Redis holds them it is right: workers open and close them there.
 */
export class BreakerKeeper {
  readonly #context: ProducerContext;

  constructor(context: ProducerContext) {
    this.#context = context;
  }

  async look(): Promise<void> {
    const { store, redis, config, queues } = this.#context;
    if (redis.status !== 'ready') return;
    for (const known of await readAppBreakers(store)) {
      if (!queues.some(({ app }) => app.name === known.app)) continue;
      const prefix = config.PUSHFLEET_REDIS_PREFIX;
      const seen = await readBreakers(redis, prefix, known.app);
      if (seen.complete) await this.#follow(known, seen);
      else await restoreBreakers(redis, prefix, known.app, byName(known.breakers));
    }
  }

  async #follow({ app, breakers, stored }: AppBreakers, { open }: BreakersSeen): Promise<void> {
    const before = byName(breakers);
    // Closed and opened again between two looks is another one: it has another beginning.
    const isNew = (name: string) =>
      before.get(name)?.since !== open.get(name)?.since ||
      (before.get(name)?.reason === APNS_UNAVAILABLE) !== (open.get(name)?.reason === APNS_UNAVAILABLE);
    const now = [...open].map(([name, { reason, since }]) => ({
      name,
      breaker: { ...partsOfBreaker(name), reason, since },
    }));
    const closed = [...before].filter(([name]) => !open.has(name));
    const isSame = ([name, { reason }]: [string, KnownBreaker]) =>
      !isNew(name) && open.get(name)?.reason === reason;
    if (open.size === before.size && [...before].every(isSame)) return;
    const list = now.map(({ breaker }) => breaker);
    // Of several producers one tells.
    if (!(await saveBreakers(this.#context.store, app, list, stored))) return;
    for (const { name, breaker } of now) if (isNew(name)) this.#tellStopped(app, breaker);
    for (const [, { credential, topic, reason }] of closed)
      this.#context.log.info(
        {
          event: topic === null ? 'app.resumed' : 'topic.resumed',
          app,
          credential,
          topic: topic ?? undefined,
        },
        reason === APNS_UNAVAILABLE
          ? 'APNs serves pushes again, or an operator resumed it'
          : 'APNs accepts the credential again, or an operator resumed it',
      );
  }

  #tellStopped(app: string, { credential, topic, reason, since }: KnownBreaker): void {
    const facts = { app, credential, reason, since: new Date(since).toISOString() };
    if (reason === APNS_UNAVAILABLE)
      this.#context.log.warn(
        { event: 'app.stopped', ...facts },
        `APNs answers most pushes of ${app} with 5xx: its workers send nothing but a probe now and then, and go on by themselves`,
      );
    else if (topic === null)
      this.#context.log.error(
        { event: 'app.stopped', ...facts },
        `APNs refuses the credential of ${app}: its workers send nothing but a probe now and then`,
      );
    else
      this.#context.log.error(
        { event: 'topic.stopped', ...facts, topic },
        `APNs refuses the topic ${topic} with the credential of ${app}; other topics go on`,
      );
  }
}

/**
 * An operator says that it is mended: every breaker of the app is closed, and the next push finds out.
 *
 * @returns how many were open
 * @throws what Redis throws: then they stay
 */
export async function closeBreakers({ store, redis, config }: ProducerContext, app: string): Promise<number> {
  const open = (await readAppBreakers(store)).find((one) => one.app === app);
  const cleared = await clearBreakers(redis, config.PUSHFLEET_REDIS_PREFIX, app);
  if (open !== undefined && open.stored !== null) await saveBreakers(store, app, [], open.stored);
  return Math.max(cleared, open?.breakers.length ?? 0);
}

function byName(breakers: readonly KnownBreaker[]): Map<string, KnownBreaker> {
  return new Map(breakers.map((one) => [breakerName(one.credential, one.topic ?? undefined), one]));
}
