import { constants } from 'node:http2';
import * as z from 'zod/mini';
import en from 'zod/v4/locales/en.js';
import type { Rule } from './rule.ts';

// The small zod has no messages until it is given some.
z.config(en());

/** Name of an HTTP/2 error code, as in RFC 9113, section 7: `ENHANCE_YOUR_CALM`. */
const errorName = z
  .string()
  .check(
    z.refine((name) => errorCode(name) !== undefined, { error: 'not the name of an HTTP/2 error code' }),
  );

/** In milliseconds; half a minute is longer than any test waits. */
const duration = z.number().check(z.minimum(0), z.maximum(86_400_000));
const positive = z.int().check(z.minimum(1));
const failure = z.int().check(z.minimum(400), z.maximum(599));
const streamCount = z.int().check(z.minimum(0), z.maximum(2 ** 31 - 1));
const word = z.string().check(z.regex(/^\S*$/));

const common = {
  times: z.optional(positive),
  delayMs: z.optional(duration),
};
const accepted = z.optional(z.boolean());

const step = z.discriminatedUnion('do', [
  z.strictObject({ do: z.literal('accept'), ...common }),
  z.strictObject({
    do: z.literal('answer'),
    status: failure,
    reason: z._default(word, ''),
    timestampMs: z.optional(z.int()),
    timestampOffsetMs: z.optional(z.number()),
    retryAfterSeconds: z.optional(z.int().check(z.minimum(0))),
    ...common,
  }),
  z.strictObject({
    do: z.literal('reset'),
    error: z._default(errorName, 'INTERNAL_ERROR'),
    accepted,
    ...common,
  }),
  z.strictObject({ do: z.literal('refuse'), ...common }),
  z.strictObject({ do: z.literal('silence'), accepted, ...common }),
  z.strictObject({ do: z.literal('drop'), accepted, ...common }),
  z.strictObject({ do: z.literal('goaway'), error: z.optional(errorName), accepted, ...common }),
]);

const deviceRule = z.strictObject({
  device: z
    .string()
    .check(z.regex(/^[0-9a-f]*\*?$/i, { error: 'a device pattern is hex digits, then perhaps *' })),
  steps: z.array(step).check(z.minLength(1)),
});

const countRule = z.strictObject({
  after: positive,
  of: z.enum(['accepted', 'requests']),
  repeats: z.optional(z.boolean()),
  do: z.enum(['drop', 'goaway', 'streams', 'stick']),
  error: z.optional(errorName),
  streams: z.optional(z.int().check(z.minimum(0))),
  status: z.optional(failure),
  reason: z.optional(word),
});

/** One rule of a script, as [rule.ts](./rule.ts) describes it. */
export const ruleSchema = z.union([
  deviceRule,
  countRule,
  z.strictObject({ latencyMs: duration }),
  z.strictObject({ streams: streamCount }),
]);

type Fits<Given extends Known, Known> = Given;
/** The schema takes what is documented, and nothing else: where the two differ this does not compile. */
export type SchemaIsDocumented = Fits<z.input<typeof ruleSchema>, Rule>;
export type DocumentedIsSchema = Fits<Rule, z.input<typeof ruleSchema>>;

/** One thing that happens to a request of a device token. */
export type CheckedStep = z.output<typeof step>;
/** What happens to the requests of some device tokens, one step after the other. */
export type CheckedDeviceRule = z.output<typeof deviceRule>;
/** What happens when so many pushes were accepted, or requests came. */
export type CheckedCountRule = z.output<typeof countRule>;
/** A rule with its defaults filled in. */
export type CheckedRule = z.output<typeof ruleSchema>;

/** The number of an HTTP/2 error code; `undefined` for a name that RFC 9113 does not have. */
export function errorCode(name: string): number | undefined {
  const code: unknown = (constants as unknown as Record<string, unknown>)[`NGHTTP2_${name}`];
  return typeof code === 'number' && /^[A-Z_0-9]+$/.test(name) ? code : undefined;
}
