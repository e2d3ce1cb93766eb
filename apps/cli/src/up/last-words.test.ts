import { expect, test } from '@jest/globals';
import { lastWords } from './last-words.ts';

test('last words are messages, not JSON, and no stack trace', () => {
  const log = [
    '{"level":"info","event":"worker.started","msg":"worker started"}',
    '{"level":"error","err":{"message":"connect ECONNREFUSED"},"msg":"Redis cannot be reached"}',
    'Error: something else',
    '    at connect (node:net:1:2)',
    '',
  ].join('\n');
  expect(lastWords(log)).toBe(
    '  worker started\n  Redis cannot be reached: connect ECONNREFUSED\n  Error: something else',
  );
});

test('only the end of a long log is shown', () => {
  expect(lastWords(`${'a\nb\n'.repeat(20)}the end`).split('\n')).toHaveLength(6);
});

test('what is said twice in a row is shown once', () => {
  expect(lastWords('no port\nno port\n')).toBe('  no port');
});
