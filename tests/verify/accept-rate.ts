/** Judges a rate by the simulator's own clock: when each push was accepted, in milliseconds since 1970, in order. */

export function perSecond(times: Float64Array, from: number, to: number): number {
  let count = 0;
  for (const time of times) if (time >= from && time < to) count++;
  return Math.round((count / (to - from)) * 1_000);
}

/** The most pushes in any window of one second, wherever it begins. */
export function busiestSecond(times: Float64Array, from: number, to: number): number {
  let most = 0;
  let start = 0;
  for (let end = 0; end < times.length; end++) {
    const time = times[end]!;
    if (time < from || time >= to) {
      start = end + 1;
      continue;
    }
    while (times[start]! <= time - 1_000) start++;
    most = Math.max(most, end - start + 1);
  }
  return most;
}
