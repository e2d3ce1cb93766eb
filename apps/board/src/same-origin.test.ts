import { expect, test } from '@jest/globals';
import { whyForeign } from './same-origin.ts';

const host = 'board.example:3100';

test.each([
  ['GET from another site', 'GET', { 'sec-fetch-site': 'cross-site' }, true],
  ['PUT of the board', 'PUT', { 'sec-fetch-site': 'same-origin' }, true],
  ['PUT of another site', 'PUT', { 'sec-fetch-site': 'cross-site' }, false],
  ['PUT of a sister site', 'PUT', { 'sec-fetch-site': 'same-site' }, false],
  ['PUT with the board’s origin', 'PUT', { origin: `http://${host}` }, true],
  ['PUT with another origin', 'PUT', { origin: 'http://evil.example' }, false],
  ['PUT from another port', 'PUT', { origin: 'http://board.example' }, false],
  ['POST from a page without an origin', 'POST', { origin: 'null' }, false],
  ['PATCH of curl', 'PATCH', {}, true],
])('%s', (_case, method, headers, allowed) => {
  expect(whyForeign(method, headers, host) === null).toBe(allowed);
});
