import Sequencer from '@jest/test-sequencer';

/** Longest first, so that no long file begins when all others have ended; without it Jest goes by file size. */
const ORDER = ['faults', 'contract', 'integration', 'browser', 'verify', 'unit'];

export default class LongestFirst extends Sequencer {
  sort(tests) {
    const rank = (test) => ORDER.indexOf(test.context.config.displayName.name);
    return [...super.sort(tests)].sort((a, b) => rank(a) - rank(b));
  }
}
