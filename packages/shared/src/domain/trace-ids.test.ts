import { expect, test } from '@jest/globals';
import { rootSpanId, runSpanId, sendSpanId, traceIdOf } from './trace-ids.ts';

const ONE = { fleet: 'pushfleet-1a2b', dispatch: 42 };

test('the ids are those that an earlier version computed, or a trace would fall apart in an upgrade', () => {
  expect(traceIdOf(ONE)).toBe('2cd7d8d5dc7aefef55f1a8d8a1ca6547');
  expect(rootSpanId(ONE)).toBe('105c8934043e5a3d');
  expect(sendSpanId(ONE, { seq: 3, generation: 1 })).toBe('4ecb40c82f4a7c34');
  expect(runSpanId(ONE, { seq: 3, generation: 1 }, 2)).toBe('f3b4d0aa87a915d7');
});

test('they are ids as OpenTelemetry has them: 16 and 8 bytes in lower-case hex, not all zero', () => {
  for (let dispatch = 1; dispatch <= 200; dispatch++) {
    const of = { fleet: 'f', dispatch };
    expect(traceIdOf(of)).toMatch(/^(?!0{32})[0-9a-f]{32}$/);
    expect(rootSpanId(of)).toMatch(/^(?!0{16})[0-9a-f]{16}$/);
  }
});

test('no two spans and no two dispatches share one, nor do two installations', () => {
  const dispatches = ['a', 'b'].flatMap((fleet) => [1, 11].map((dispatch) => ({ fleet, dispatch })));
  const batches = [0, 1, 11].flatMap((seq) => [1, 11].map((generation) => ({ seq, generation })));
  expect(new Set(dispatches.map(traceIdOf)).size).toBe(4);
  const spans = dispatches.flatMap((of) => [
    rootSpanId(of),
    ...batches.map((batch) => sendSpanId(of, batch)),
    ...batches.flatMap((batch) => [1, 2, 11].map((start) => runSpanId(of, batch, start))),
  ]);
  expect(new Set(spans).size).toBe(spans.length);
});
