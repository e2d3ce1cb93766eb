import { expect, test } from '@jest/globals';
import { html } from './html.ts';

test('values are text, in markup and in attributes; pieces stay markup', () => {
  const evil = `"><script>alert('x')</script>&`;
  const { markup } = html`<p title="${evil}">${evil}</p>${[html`<b>${1}</b>`, html`<i></i>`]}${null}${false}`;
  expect(markup).not.toContain('<script');
  expect(markup.match(/["']/g)).toHaveLength(2);
  expect(markup).toMatch(/<b>1<\/b><i><\/i>$/);
});
