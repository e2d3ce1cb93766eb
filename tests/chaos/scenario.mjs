import { seededRandom } from './seeded-random.mjs';

/** Part of the time in which notifications come in and faults happen; the rest is for what is left. */
const BUSY_SHARE = 0.6;
const MEAN_GAP_MS = 2_200;
const SHORTEST_GAP_MS = 500;
/** Nothing is sent until an emptied Redis is recovered: mostly the next fault waits for it. */
const RECOVERY_MS = 3_200;

/** What can happen, each as often as the others. */
export const FAULT_KINDS = [
  'worker killed',
  'worker frozen',
  'producer killed',
  'producer frozen',
  'Redis killed',
  'Redis emptied by FLUSHALL',
  'Redis killed and its data lost',
  'MySQL killed',
  'APNs connections cut',
  'APNs says GOAWAY',
  'APNs falls silent',
  'worker killed',
  'producer killed',
];

/** How the simulator answers, by the beginning of the device token; all others are accepted. */
export const APNS_SCRIPT = `
device 00* answer 410 Unregistered timestamp -60s
device 01* answer 400 BadDeviceToken
device 02* answer 429 TooManyRequests retry-after 1 times 1
device 03* answer 503 ServiceUnavailable times 2
device 04* reset times 1
device 05* answer 500 InternalServerError times 1
device 06* refuse times 1
device 07* delay 300ms
`;

/**
 * Everything that a run does, from its seed alone: device tokens, notifications with the moment at which the
 * backend inserts each, and faults with the moment at which each happens (milliseconds after the start).
 */
export function planScenario({ seed, seconds, recipients: wanted }) {
  // Audiences overlap and random singles fall short of their share: so many are there at least.
  const recipients = Math.ceil(wanted * 1.05);
  const busyMs = seconds * 1_000 * BUSY_SHARE;
  const devices = Math.max(300, Math.min(50_000, Math.ceil(recipients / 4)));
  const groups = planGroups(seed, devices, recipients);
  return {
    seed,
    seconds,
    recipients,
    busyMs,
    devices,
    groups,
    notifications: planNotifications(seed, groups, devices, recipients, busyMs),
    faults: planFaults(seed, busyMs),
    ratePerSecond: Math.max(200, Math.ceil(recipients / (seconds * BUSY_SHARE))),
  };
}

/** A device token that no other number has, spread over all first digits. */
export function deviceToken(number) {
  const spread = (Math.imul(number, 2654435761) >>> 0).toString(16).padStart(8, '0');
  return spread + number.toString(16).padStart(56, '0');
}

/** Ranges of token ids that overlap: audiences have members twice, as they do in life. */
function planGroups(seed, devices, recipients) {
  const random = seededRandom(seed, 'groups');
  const range = (id, size) => {
    const from = random.whole(1, devices - size + 1);
    return { id, from, to: from + size - 1 };
  };
  const broadcast = Math.min(devices, Math.ceil(recipients / 5));
  const small = Math.max(20, Math.min(devices, Math.ceil(recipients / 20)));
  return [
    range(1, broadcast),
    range(2, broadcast),
    ...Array.from({ length: 8 }, (_, i) => range(3 + i, small)),
  ];
}

function planNotifications(seed, groups, devices, recipients, busyMs) {
  const random = seededRandom(seed, 'notifications');
  const audiences = groups.map(({ id }) => ({ groupIds: [id], tokenIds: [] }));
  // A group and single device tokens, some of them members of it.
  audiences.push({ groupIds: [3, 4], tokenIds: distinct(random, devices, 50) });
  for (let left = recipients / 5; left > 0; ) {
    const size = audiences.length % 4 === 0 ? 100 : random.whole(1, 3);
    audiences.push({ groupIds: [], tokenIds: distinct(random, devices, size) });
    // At most some hundred singles: each is a row, a claim and a job.
    left -= Math.max(size, recipients / 5 / 600);
  }
  return random
    .shuffled(audiences)
    .map((audience, i) => ({ id: i + 1, atMs: random.between(0, busyMs * 0.9), ...audience }))
    .sort((one, other) => one.atMs - other.atMs);
}

function distinct(random, devices, size) {
  const ids = new Set();
  while (ids.size < size) ids.add(random.whole(1, devices));
  return [...ids];
}

function planFaults(seed, busyMs) {
  const random = seededRandom(seed, 'faults');
  const faults = [];
  let kinds = [];
  const gapMs = Math.min(MEAN_GAP_MS, Math.max(SHORTEST_GAP_MS, busyMs / 12));
  for (let atMs = 1_000; atMs < busyMs; atMs += random.between(0.4, 1.6) * gapMs) {
    if (kinds.length === 0) kinds = random.shuffled(FAULT_KINDS);
    const kind = kinds.pop();
    faults.push({ kind, atMs, which: random.whole(0, 9), share: random.between(0, 1) });
    if (losesData(kind) && random.between(0, 1) < 0.8) atMs += RECOVERY_MS;
  }
  return faults;
}

/** Whether Redis forgets everything by it. */
export function losesData(kind) {
  return kind.includes('emptied') || kind.includes('data lost');
}
