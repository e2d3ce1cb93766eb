import type { Log } from '@pushfleet/shared/platform/log';
import type { Stoppable } from '@pushfleet/shared/platform/stop';
import { wakeChannel } from '@pushfleet/shared/queue/keys';
import type { RedisClient } from '@pushfleet/shared/queue/redis-connection';

/** A wake may come before the commit that it speaks of: it looks a few times, in milliseconds after it. */
const LOOKS_MS = [0, 20, 60, 150];

/** Listens for backends and tools that say there is something to do. Without them the poll finds it. */
export function listenForWakes(redis: RedisClient, prefix: string, look: () => void, log: Log): Stoppable {
  let timers: NodeJS.Timeout[] = [];
  redis.on('message', () => {
    for (const timer of timers) clearTimeout(timer);
    timers = LOOKS_MS.map((ms) => setTimeout(look, ms));
  });
  redis.subscribe(wakeChannel(prefix)).catch((error: unknown) => {
    log.warn({ event: 'wake.deaf', err: error }, 'cannot listen for wakes; due rows are found by the poll');
  });
  return {
    name: 'wake listener',
    async stop() {
      for (const timer of timers) clearTimeout(timer);
      redis.disconnect();
    },
  };
}
