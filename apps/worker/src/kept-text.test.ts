import { expect, test } from '@jest/globals';
import { encodeProgress, newProgress } from '@pushfleet/shared/domain/batch-progress';
import { KeptText } from './kept-text.ts';

test.each([
  ['nothing', ''],
  ['a short text', '{"o":"Bg=="}'],
  ['a long one beyond latin1', 'ü→🙂 '.repeat(100)],
  ['a long one without repeats', Array.from({ length: 300 }, (_, i) => i * 7_919).join()],
])('%s comes back as it was', (_, text) => {
  expect(new KeptText(text).text).toBe(text);
});

test('the progress of a full batch takes a tenth of its characters', () => {
  const progress = newProgress(500);
  progress.outcomes.fill(6);
  const text = encodeProgress({ ...progress, firstAcceptedAt: 1_790_000_000_000 });
  const kept = new KeptText(text);
  expect(kept.text).toBe(text);
  expect(kept.size).toBeLessThan(text.length / 10);
});
