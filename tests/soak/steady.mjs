/**
 * How much more a figure may be at the end than at the beginning: a share of it and a fixed amount. Before so many
 * seconds it is still on its way up: code that is compiled, keys that live for two minutes, rows that are removed
 * each minute once they are two minutes old.
 */
const TOLERANCES = [
  { names: /RSS MB$/, share: 0.1, plus: 12, steadyAfter: 120 },
  { names: /heap MB$/, share: 0.15, plus: 8, steadyAfter: 120 },
  { names: /resources$/, share: 0.5, plus: 20, steadyAfter: 120 },
  { names: /(sockets|files|handles|clients|connections)$/, share: 0, plus: 4, steadyAfter: 0 },
  { names: /^Redis memory MB$/, share: 0.1, plus: 1, steadyAfter: 180 },
  { names: /^Redis keys$/, share: 0.1, plus: 50, steadyAfter: 180 },
  { names: /^MySQL rows/, share: 0.1, plus: 200, steadyAfter: 300 },
];

/**
 * Compares the last fifth of the samples with the second one (the first warms up), each by its median; a heap, which goes
 * up and down between two collections of garbage, by how low it gets.
 *
 * @param {{ second: number, figures: Record<string, number> }[]} samples
 * @returns {{ name: string, early: number, late: number, most: number, peak: number, grew: boolean | null }[]}
 *   `grew` is null where the run was too short to say
 */
export function compareFifths(samples, seconds) {
  const fifth = (which) =>
    samples.filter(({ second }) => second >= (seconds * (which - 1)) / 5 && second < (seconds * which) / 5);
  const [early, late] = [fifth(2), fifth(5)];
  return Object.keys(samples[0].figures).map((name) => {
    const { share, plus, steadyAfter } = TOLERANCES.find(({ names }) => names.test(name));
    const middle = /heap MB$/.test(name) ? low : median;
    const of = (some) => middle(some.map(({ figures }) => figures[name]));
    const most = of(early) * (1 + share) + plus;
    return {
      name,
      early: of(early),
      late: of(late),
      most,
      peak: Math.max(...samples.map(({ figures }) => figures[name])),
      grew: seconds / 5 < steadyAfter ? null : !(of(late) <= most),
    };
  });
}

/** @param {(line: string) => void} say */
export function printTable(rows, say) {
  const width = Math.max(...rows.map(({ name }) => name.length));
  const number = (value) => (Number.isInteger(value) ? String(value) : value.toFixed(1)).padStart(11);
  say(`${''.padEnd(width)}  second fifth   last fifth    allowed       peak`);
  for (const { name, early, late, most, peak, grew } of rows) {
    const note = grew === null ? '  run too short to say' : grew ? '  GREW' : '';
    say(`${name.padEnd(width)} ${number(early)}  ${number(late)} ${number(most)} ${number(peak)}${note}`);
  }
}

function median(values) {
  return quantile(values, 0.5);
}

/** A tenth of the values are lower. */
function low(values) {
  return quantile(values, 0.1);
}

function quantile(values, share) {
  const sorted = values.toSorted((one, other) => one - other);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}
