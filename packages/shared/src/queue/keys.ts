/**
 * Names in Redis. All keys of an app share one hash tag, so on a Redis Cluster they share a slot: a
 * result then survives whatever the removal of its job survives.
 */
export type QueueName = 'urgent' | 'bulk' | 'results';

/** BullMQ's prefix for the queues of an app. */
export function queuePrefix(prefix: string, app: string): string {
  return `{${prefix}-${app}}`;
}

/** The copy of the operators' decisions that workers read. */
export function controlKey(prefix: string, app: string): string {
  return `${queuePrefix(prefix, app)}:control`;
}

export function rateKey(prefix: string, app: string): string {
  return `${queuePrefix(prefix, app)}:rate`;
}

export function connectsKey(prefix: string, app: string): string {
  return `${queuePrefix(prefix, app)}:connects`;
}

/** The channel on which backends and tools tell producers that there is something to do. */
export function wakeChannel(prefix: string): string {
  return `${prefix}:wake`;
}
