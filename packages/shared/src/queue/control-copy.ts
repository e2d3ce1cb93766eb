import { z } from 'zod';
import { controlKey } from './keys.ts';
import type { RedisClient } from './redis-connection.ts';

/**
 * What operators decided, as workers see it. The truth is in MySQL; a producer publishes this copy every
 * second and after each change. A worker without a copy sends nothing.
 */
const controlCopySchema = z.object({
  /** Installation and how often its Redis was found empty: tells a foreign or wiped Redis. */
  fleet: z.string(),
  epoch: z.int(),
  phase: z.enum(['ok', 'recovering']),
  paused: z.boolean(),
  /** Pushes per second over the fleet; null is no limit. */
  ratePerSecond: z.int().nullable(),
  topic: z.string(),
  environment: z.enum(['production', 'sandbox']),
  /** Dispatches whose waiting recipients are cancelled, while batches of them may be in Redis. */
  cancelled: z.array(z.int()),
});
export type ControlCopy = z.output<typeof controlCopySchema>;

export async function publishControlCopy(
  redis: RedisClient,
  prefix: string,
  app: string,
  copy: ControlCopy,
): Promise<void> {
  await redis.set(controlKey(prefix, app), JSON.stringify(copy));
}

/** Null where Redis has none (wiped, or no producer was ever here) or one of a form not known here. */
export async function readControlCopy(
  redis: RedisClient,
  prefix: string,
  app: string,
): Promise<ControlCopy | null> {
  const text = await redis.get(controlKey(prefix, app));
  if (text === null) return null;
  const copy = controlCopySchema.safeParse(JSON.parse(text));
  return copy.success ? copy.data : null;
}
