import { z } from 'zod';

/** The end of the year 9999, in UNIX seconds: what lies after it is mostly meant in milliseconds. */
const LAST_EXPIRY = 253_402_300_799;

/**
 * What a notification may say beside its message: from mapped columns, or as JSON in
 * `pushfleet_request.options`, written by the library and by SQL alike.
 */
export const notificationOptionsSchema = z.strictObject({
  title: z.string().optional(),
  subtitle: z.string().optional(),
  badge: z.int().min(0).nullable().optional(),
  sound: z.string().nullable().optional(),
  /** Custom keys beside `aps`, or a whole payload when it holds `aps`. */
  payload: z.record(z.string(), z.unknown()).optional(),
  pushType: z.string().optional(),
  topic: z.string().optional(),
  app: z.string().optional(),
  priority: z.union([z.literal(1), z.literal(5), z.literal(10)]).optional(),
  /** UNIX seconds or an ISO 8601 time; 0 asks APNs for one try without storing. */
  expiry: z
    .union([
      z.int().min(0).max(LAST_EXPIRY, 'it lies after the year 9999; an expiry is in seconds'),
      z.iso.datetime({ offset: true }),
    ])
    .optional(),
  collapseId: z.string().optional(),
  threadId: z.string().optional(),
  category: z.string().optional(),
  lane: z.enum(['urgent', 'bulk']).optional(),
  /** A repeated `enqueue` with the same key returns the first notification. */
  key: z.string().max(190).optional(),
});

export type NotificationOptions = z.output<typeof notificationOptionsSchema>;
