const PAGE = 50_000;
/**
 * What was accepted so shortly before a fault may be repeated: the answer takes up to 300 ms here, its
 * checkpoint another 100, sending stops when that is 200 ms late, and the machine is busy.
 */
const CHECKPOINT_MS = 700;
/** Progress is recorded every second: what Redis loses is what MySQL did not have yet. */
const RECORDED_MS = 1_500;
/** Nothing is recorded while a producer, or MySQL, starts again. */
const RESTART_MS = 3_000;
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
 * Counts duplicates, and how many there may be at most: of each fault only what was accepted so shortly
 * before it that its answer, or the checkpoint with it, was lost.
 *
 * @param {{ kind: string, from: number, to: number }[]} faults
 */
export function countDuplicates(times, faults) {
  const windows = faults.filter(losesAnswers).map((fault) => windowOf(fault, faults));
  let duplicates = 0;
  let bound = 0;
  const unexplained = [];
  const byFault = new Map();
  for (const [apnsId, all] of times) {
    // Each of them but the last was followed by another one: its own answer was lost.
    for (const [i, at] of all.entries()) {
      const window = windows.find(({ from, to }) => at >= from && at <= to);
      if (window !== undefined) bound++;
      if (i === all.length - 1) continue;
      duplicates++;
      if (window === undefined) unexplained.push({ apnsId, all });
      else byFault.set(window.kind, (byFault.get(window.kind) ?? 0) + 1);
    }
  }
  return { duplicates, bound, unexplained, byFault };
}

function losesAnswers({ kind }) {
  return !kind.startsWith('producer') && !kind.startsWith('MySQL');
}

function windowOf({ kind, from, to }, faults) {
  const until = (kind.endsWith('frozen') ? from : to) + ANSWER_MS;
  if (!losesData(kind)) return { kind, from: from - CHECKPOINT_MS, to: until };
  // Results wait in Redis as long as nobody records them.
  let since = from;
  for (const other of [...faults].sort((one, another) => another.from - one.from))
    if (stopsRecording(other.kind) && other.from < since && other.to + RESTART_MS > since) since = other.from;
  return { kind, from: since - RECORDED_MS, to: until };
}

function losesData(kind) {
  return kind.includes('emptied') || kind.includes('data lost');
}

function stopsRecording(kind) {
  return kind.startsWith('producer') || kind.startsWith('MySQL');
}
