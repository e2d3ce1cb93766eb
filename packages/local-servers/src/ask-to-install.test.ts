import { expect, test } from '@jest/globals';
import { meansYes } from './ask-to-install.ts';

test.each([
  ['', true],
  [' Yes ', true],
  ['y', true],
  ['n', false],
  ['no', false],
  ['maybe', false],
])('the answer "%s" means %s', (answer, yes) => {
  expect(meansYes(answer)).toBe(yes);
});
