/**
 * The tables of docs/scaling.md, computed: measured costs times a number of devices. Costs come from
 * `npm run bench -- costs` and `-- memory` on the machine of docs/benchmarks.md.
 */
import { table } from './doc-tables.mjs';

/**
 * Microseconds of one core, the mean of two runs: for a recipient of a broadcast, on top of it for one that is
 * answered 410, and for a notification to one device.
 */
const COSTS = {
  producer: { recipient: 6.5, refused: 95, single: 258 },
  mysql: { recipient: 5.2, refused: 110, single: 428 },
  redis: { recipient: 1.4, refused: 0, single: 169 },
};
/** The same for a worker, by PUSHFLEET_APNS_SESSION. Each gets a column. */
const WORKERS = { 'node-apn': { recipient: 75, single: 290 } };
/** Recipients a second, both scans of a large audience included. */
const PLANNED_PER_SECOND = 210_000;
/** Bytes in MySQL, keys included: of a recipient in its batch, of a refused one in outcome and retirement. */
const BYTES = { recipient: 5.1, refused: 422 + 423 };

const ASSUMED = {
  /** How much of a core is planned for. */
  busy: 0.6,
  refused: 0.01,
  sendingSeconds: 15 * 60,
  /** PUSHFLEET_MAX_IN_FLIGHT, where APNs allows as many streams. */
  inFlight: 1_000,
  roundTripSeconds: 0.1,
  retentionDays: 30,
};

const DEVICES = [10_000, 100_000, 1_000_000, 10_000_000, 30_000_000, 100_000_000];

/** Pushes a second of one worker: its core, or its connection. */
function workerRate(microseconds) {
  return Math.min(perSecond(microseconds), ASSUMED.inFlight / ASSUMED.roundTripSeconds);
}

/** What a core does in a second, at what is planned for. */
function perSecond(microseconds) {
  return (ASSUMED.busy * 1e6) / microseconds;
}

function ofRecipient(part) {
  return COSTS[part].recipient + ASSUMED.refused * COSTS[part].refused;
}

const bytesOfRecipient = BYTES.recipient + ASSUMED.refused * BYTES.refused;

function rowOf(devices) {
  const rate = devices / ASSUMED.sendingSeconds;
  const bytes = devices * bytesOfRecipient;
  return [
    devices.toLocaleString('en'),
    time(devices / PLANNED_PER_SECOND),
    Math.ceil(rate).toLocaleString('en'),
    ...Object.values(WORKERS).map((cost) => Math.ceil(rate / workerRate(cost.recipient))),
    ...Object.keys(COSTS).map((part) => cores((rate * ofRecipient(part)) / 1e6)),
    size(bytes),
    size(bytes * ASSUMED.retentionDays),
  ];
}

/** What one broadcast to everybody needs, by number of devices. */
export function scalingTables() {
  const workers = Object.keys(WORKERS).map((session) => `workers (${session})`);
  const needs = table(
    [
      'devices',
      'planned in',
      'pushes/s',
      ...workers,
      'producer',
      'MySQL',
      'Redis',
      'tables grow by',
      `one a day, ${ASSUMED.retentionDays} days`,
    ],
    DEVICES.map(rowOf),
  );
  const carries = table(
    [
      'part',
      'a recipient of a broadcast',
      `at ${ASSUMED.busy * 100} % of a core`,
      'a push to one device',
      `at ${ASSUMED.busy * 100} % of a core`,
    ],
    [
      ...Object.entries(WORKERS).map(([session, { recipient, single }]) =>
        carried(`worker, ${session}`, recipient, single),
      ),
      [
        "worker's connection",
        `${ASSUMED.inFlight.toLocaleString('en')} in ${ASSUMED.roundTripSeconds * 1e3} ms`,
        rate(ASSUMED.inFlight / ASSUMED.roundTripSeconds),
        'the same',
        '',
      ],
      ...Object.keys(COSTS).map((part) =>
        carried(
          { producer: 'producer', mysql: 'MySQL', redis: 'Redis' }[part],
          ofRecipient(part),
          COSTS[part].single,
        ),
      ),
    ],
  );
  return `${carries}\n\n${needs}`;
}

function carried(part, recipient, single) {
  return [part, micro(recipient), rate(perSecond(recipient)), micro(single), rate(perSecond(single))];
}

function micro(microseconds) {
  return `${Number(microseconds.toFixed(1))} µs`;
}

function rate(value) {
  return `${(Math.round(value / 100) * 100).toLocaleString('en')}/s`;
}

function time(seconds) {
  return seconds < 1
    ? 'under 1 s'
    : seconds < 100
      ? `${Math.round(seconds)} s`
      : `${Math.round(seconds / 60)} min`;
}

function cores(value) {
  return value < 0.01 ? 'under 0.01' : value.toFixed(2);
}

function size(bytes) {
  if (bytes < 1e6) return `${Math.max(1, Math.round(bytes / 1e3))} KB`;
  return bytes < 1e9
    ? `${Number((bytes / 1e6).toPrecision(2))} MB`
    : `${Number((bytes / 1e9).toPrecision(2))} GB`;
}
