import { losesData } from './scenario.mjs';

const PAGE = 50_000;
/**
 * What was accepted so shortly before a fault may be repeated: the answer takes up to 300 ms here, its
 * checkpoint another 100, sending stops when that is 200 ms late, and the machine is busy.
 */
const CHECKPOINT_MS = 700;
/** An answer that is under way when the fault comes. */
const ANSWER_MS = 300;

/** When each push was accepted, by apns-id: more than one time each is a duplicate. */
export function acceptedTimes(simulator) {
  const times = new Map();
  for (let since = 0; ; since += PAGE) {
    const pushes = simulator.accepted(since, PAGE);
    for (const { apnsId, atMs } of pushes) {
      const known = times.get(apnsId);
      if (known === undefined) times.set(apnsId, [atMs]);
      else known.push(atMs);
    }
    if (pushes.length < PAGE) return times;
  }
}

/**
 * Counts duplicates, and how many there may be at most: of each fault what was accepted so shortly before it
 * that its answer, or the checkpoint with it, was lost; where Redis lost its data, what MySQL did not have yet.
 *
 * @param {{ kind: string, from: number, to: number, recorded: number }[]} faults with the recipients that MySQL
 *   called accepted at that time
 */
export function countDuplicates(times, faults) {
  const windows = faults.filter(losesAnswers).map(windowOf);
  let duplicates = 0;
  let bound = 0;
  let unexplained = 0;
  const byFault = {};
  for (const all of times.values()) {
    for (const [i, at] of all.entries()) {
      const window = windows.find(({ from, to }) => at >= from && at <= to);
      if (window !== undefined) bound++;
      if (i === all.length - 1) continue;
      // Another one followed: the answer of this one was lost.
      duplicates++;
      if (window === undefined) unexplained++;
      else byFault[window.kind] = (byFault[window.kind] ?? 0) + 1;
    }
  }
  let unrecorded = 0;
  for (const { kind, from, recorded } of faults)
    if (losesData(kind)) unrecorded += Math.max(0, acceptedBefore(times, from) - recorded);
  if (unexplained > 0) byFault['Redis lost what MySQL did not have yet'] = unexplained;
  return { duplicates, bound: bound + unrecorded, unexplained, unrecorded, byFault };
}

function losesAnswers({ kind }) {
  return !kind.startsWith('producer') && !kind.startsWith('MySQL');
}

function windowOf({ kind, from, to }) {
  return { kind, from: from - CHECKPOINT_MS, to: (kind.endsWith('frozen') ? from : to) + ANSWER_MS };
}

function acceptedBefore(times, moment) {
  let count = 0;
  for (const [first] of times.values()) if (first <= moment) count++;
  return count;
}
