import { seededRandom } from '../chaos/seeded-random.mjs';

export const DEVICES = 40_000;
/** Recipients a second that the fleet may send to; a little less arrives, and some are sent to twice. */
export const RATE_PER_SECOND = 650;

/** Of each four minutes: nothing arrives at first, so that lanes are empty and connections end by idleness. */
const QUIET_EVERY_S = 240;
const QUIET_S = 20;

/** Once in a quiet time, once in the middle of the work. */
export function isGoAway(second) {
  return second % QUIET_EVERY_S === QUIET_S / 2 || second % QUIET_EVERY_S === QUIET_EVERY_S / 2;
}

const LARGE = { every: 60, size: 12_000, groups: [1, 2, 3] };
const MEDIUM = { every: 5, size: 1_000, groups: [4, 5, 6, 7, 8] };
/** Audiences of single device tokens, in each second. */
const SMALL = [1, 1, 1, 1, 1, 1, 1, 2, 3, 20, 120];

const FIRST_UNSTEADY = 0x08;
/** Bytes that a device token may begin with, from there on: all of them have their turn. */
const UNSTEADY = 0x100 - FIRST_UNSTEADY;

/**
 * How the simulator answers, by the beginning of the device token. What is only for a time comes over other device
 * tokens with each turn: retries never end, and nobody is put off for ever.
 */
export function apnsScript(turn) {
  const prefix = (nth) => (FIRST_UNSTEADY + ((turn * 5 + nth) % UNSTEADY)).toString(16).padStart(2, '0');
  return `
device 00* answer 410 Unregistered timestamp -60s
device 01* answer 400 BadDeviceToken
device 02* delay 300ms
device ${prefix(0)}* answer 429 TooManyRequests retry-after 1 times 1
device ${prefix(1)}* answer 503 ServiceUnavailable times 2
device ${prefix(2)}* answer 500 InternalServerError times 1
device ${prefix(3)}* reset times 1
device ${prefix(4)}* refuse times 1
`;
}

/** Whose row may be switched off when a notification is planned. */
export function mayBeRetired(deviceToken) {
  return deviceToken.startsWith('00');
}

/** Ranges of token ids, spread over all device tokens; they overlap. */
export function planGroups() {
  return [LARGE, MEDIUM].flatMap(({ groups, size }) =>
    groups.map((id, at) => {
      const from = 1 + Math.floor(((DEVICES - size) * at) / Math.max(1, groups.length - 1));
      return { id, from, to: from + size - 1 };
    }),
  );
}

/**
 * What a backend inserts in a second, counted from the start.
 *
 * @returns {(second: number) => { id: number, groupIds: number[], tokenIds: number[], options: object | null }[]}
 */
export function arrivals(seed) {
  const random = seededRandom(seed, 'arrivals');
  let lastId = 0;
  return (second) => {
    if (second % QUIET_EVERY_S < QUIET_S) return [];
    const due = [];
    const add = (groupIds, tokenIds) => {
      const id = ++lastId;
      const options = id % 3 === 0 ? { title: `number ${id}`, collapseId: `c${id}` } : null;
      due.push({ id, groupIds, tokenIds, options });
    };
    for (const { every, groups } of [LARGE, MEDIUM])
      if (second % every === 0) add([groups[(second / every) % groups.length]], []);
    for (const size of SMALL) add([], distinct(random, size));
    return due;
  };
}

function distinct(random, size) {
  const ids = new Set();
  while (ids.size < size) ids.add(random.whole(1, DEVICES));
  return [...ids];
}
