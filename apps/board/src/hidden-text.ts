export const HIDDEN = '[hidden]';

/** Device tokens and the audience: never on the board, whatever the settings. */
const ALWAYS_HIDDEN = ['tokens', 'ids'];

/** A device token in hex, in the spelling with blanks and angle brackets too (the least ever seen is 32 bytes). */
const DEVICE_TOKEN_HEX = /(?:[0-9a-f]{2}[\s<>]*){31,}[0-9a-f]{2,}/gi;

/** The same 32 bytes or more in base64. Both cases are asked for: paths and ids are mostly lower-case. */
const DEVICE_TOKEN_BASE64 = /[A-Za-z0-9+/]{43,}/g;

/** Takes device tokens, audience and (unless shown) payload out of whatever the board answers. */
export type Hide = (value: unknown) => unknown;

/**
 * Bull Board formats a job's data and name only: error messages, stack traces, logs and options come
 * from other hands. So the whole answer goes through here, strings, keys and all.
 */
export function createHide(options: { readonly showPayload: boolean }): Hide {
  const fields = options.showPayload ? ALWAYS_HIDDEN : [...ALWAYS_HIDDEN, 'payload'];
  // A field that somebody printed: its end cannot be told where quotes are escaped twice, so all behind it goes.
  const printed = new RegExp(`\\b(${fields.join('|')})\\b(["'\\\\]*\\s*[:=]\\s*)[\\\\]*["'\`{[][^]*`, 'g');

  const hideText = (text: string): string =>
    text
      .replace(printed, `$1$2${HIDDEN}`)
      .replace(DEVICE_TOKEN_HEX, HIDDEN)
      .replace(DEVICE_TOKEN_BASE64, (run) => (/[A-Z]/.test(run) && /[a-z]/.test(run) ? HIDDEN : run));

  const hide: Hide = mapTexts(hideText, (key, held) => {
    if (fields.includes(key)) return HIDDEN;
    return key === 'payload' ? hideHex(held) : hide(held);
  });
  return hide;
}

/** In a payload that is shown, words and fields are the backend's own: only what may be a device token goes. */
const hideHex: Hide = mapTexts(
  (text) => text.replace(DEVICE_TOKEN_HEX, HIDDEN),
  (_key, held) => hideHex(held),
);

function mapTexts(
  text: (written: string) => string,
  field: (key: string, held: unknown) => unknown,
): (value: unknown) => unknown {
  const map = (value: unknown): unknown => {
    if (typeof value === 'string') return text(value);
    if (Array.isArray(value)) return value.map(map);
    if (value === null || typeof value !== 'object' || value instanceof Date) return value;
    return Object.fromEntries(Object.entries(value).map(([key, held]) => [text(key), field(key, held)]));
  };
  return map;
}
