/**
 * Random numbers that a seed repeats (mulberry32). Each stream has a name of its own, so that one that asks
 * more often does not change what another gets.
 *
 * @param {number} seed
 * @param {string} name of the stream
 */
export function seededRandom(seed, name) {
  let state = seed | 0;
  for (const character of name) state = Math.imul(state ^ character.codePointAt(0), 2654435761);
  const next = () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  const between = (low, high) => low + next() * (high - low);
  return {
    between,
    /** Whole, both ends included. */
    whole: (low, high) => Math.floor(between(low, high + 1)),
    shuffled(list) {
      const copy = [...list];
      for (let i = copy.length - 1; i > 0; i--) {
        const j = Math.floor(next() * (i + 1));
        [copy[i], copy[j]] = [copy[j], copy[i]];
      }
      return copy;
    },
  };
}
