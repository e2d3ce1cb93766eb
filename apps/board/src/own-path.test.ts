import { expect, test } from '@jest/globals';
import { ownPath } from './own-path.ts';

test.each(['/', '/notifications/42', '/confirm/cancel?about=42', '/queues/queue/bulk?status=failed'])(
  '%s is a way back',
  (path) => expect(ownPath(path)).toBe(path),
);

test.each([
  undefined,
  '',
  'notifications/42',
  'https://evil.example/',
  '//evil.example/',
  '/\\evil.example/',
  '/..//evil.example/',
  '/%0d%0aset-cookie: a=b',
  '/\tevil',
  '/login',
  '/logout',
  '/actions/pause',
  `/${'a'.repeat(600)}`,
  ['/'],
])('%p leads to the overview', (path) => expect(ownPath(path)).toBe('/'));
