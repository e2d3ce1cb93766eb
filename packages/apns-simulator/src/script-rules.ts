import { constants } from 'node:http2';
import { z } from 'zod';

/** Name of an HTTP/2 error code, as in RFC 9113, section 7: `ENHANCE_YOUR_CALM`. */
const errorName = z
  .string()
  .refine((name) => errorCode(name) !== undefined, { error: 'not the name of an HTTP/2 error code' });

/** In milliseconds; half a minute is longer than any test waits. */
const duration = z.number().min(0).max(86_400_000);

const common = {
  /** How many requests of one device token the step takes; the last step takes all that follow. */
  times: z.int().min(1).optional(),
  /** Waits before it acts. */
  delayMs: duration.optional(),
};

/** The push counts as accepted although its answer never arrives. */
const accepted = z.boolean().optional();

const step = z.discriminatedUnion('do', [
  z.strictObject({ do: z.literal('accept'), ...common }),
  z.strictObject({
    do: z.literal('answer'),
    status: z.int().min(400).max(599),
    /** '' answers without a body, as a proxy in between would. */
    reason: z.string().regex(/^\S*$/).default(''),
    /** Milliseconds since 1970, or relative to the answer's moment; a 410 without either says now. */
    timestampMs: z.int().optional(),
    timestampOffsetMs: z.number().optional(),
    retryAfterSeconds: z.int().min(0).optional(),
    ...common,
  }),
  z.strictObject({ do: z.literal('reset'), error: errorName.default('INTERNAL_ERROR'), accepted, ...common }),
  z.strictObject({ do: z.literal('refuse'), ...common }),
  z.strictObject({ do: z.literal('silence'), accepted, ...common }),
  z.strictObject({ do: z.literal('drop'), accepted, ...common }),
  z.strictObject({ do: z.literal('goaway'), error: errorName.optional(), accepted, ...common }),
]);

const deviceRule = z.strictObject({
  /** A device token, or its beginning and `*`. */
  device: z.string().regex(/^[0-9a-f]*\*?$/i, { error: 'a device pattern is hex digits, then perhaps *' }),
  steps: z.array(step).min(1),
});

const countRule = z.strictObject({
  after: z.int().min(1),
  of: z.enum(['accepted', 'requests']),
  /** Again after each further so many. */
  repeats: z.boolean().optional(),
  do: z.enum(['drop', 'goaway', 'streams', 'stick']),
  error: errorName.optional(),
  streams: z.int().min(0).optional(),
  /** What the connection that reached the number answers from then on, whatever is asked. */
  status: z.int().min(400).max(599).optional(),
  reason: z.string().regex(/^\S*$/).optional(),
});

/** One rule of a script: for device tokens, after a number of pushes, or a setting that holds at once. */
export const ruleSchema = z.union([
  deviceRule,
  countRule,
  z.strictObject({ latencyMs: duration }),
  z.strictObject({
    streams: z
      .int()
      .min(0)
      .max(2 ** 31 - 1),
  }),
]);

/** One thing that happens to a request of a device token. */
export type Step = z.output<typeof step>;
/** What happens to the requests of some device tokens, one step after the other. */
export type DeviceRule = z.output<typeof deviceRule>;
/** What happens when so many pushes were accepted, or requests came. */
export type CountRule = z.output<typeof countRule>;
/** A rule as one writes it. */
export type Rule = z.input<typeof ruleSchema>;
/** A rule with its defaults filled in. */
export type CheckedRule = z.output<typeof ruleSchema>;

/** The number of an HTTP/2 error code; `undefined` for a name that RFC 9113 does not have. */
export function errorCode(name: string): number | undefined {
  const code: unknown = (constants as unknown as Record<string, unknown>)[`NGHTTP2_${name}`];
  return typeof code === 'number' && /^[A-Z_0-9]+$/.test(name) ? code : undefined;
}
