import { expect, test } from '@jest/globals';
import { cancelQuestion, confirmPart, pauseQuestion } from './confirm-page.ts';

const SHOP = { app: 'shop', topic: 'com.example.shop', environment: 'production', paused: false };

test('pausing tells how many recipients of this app wait', () => {
  const lane = { app: 'shop', lane: 'bulk', state: 'planned', unsettled: 1_200, notNow: 0 } as const;
  const other = { ...lane, app: 'news' };
  const { effect } = pauseQuestion(SHOP, [lane, { ...lane, lane: 'urgent', unsettled: 3 }, other]);
  expect(effect.join(' ')).toContain('1,203 recipients wait now');
  expect(effect.join(' ')).toContain('com.example.shop, production');
});

test('cancelling tells how many are left, and that what was accepted stays', () => {
  const running = { notificationId: '7', state: 'sending', recipients: 10, pending: 1, accepted: 9 } as const;
  expect(cancelQuestion(running).effect.join(' ')).toMatch(
    /1 recipient has no outcome.*9 recipients were accepted/,
  );
  const planning = { ...running, state: 'planning', pending: 0, accepted: 0 } as const;
  expect(cancelQuestion(planning).effect.join(' ')).not.toMatch(/0 recipients/);
});

test('what somebody typed into the address is text', () => {
  const { markup } = confirmPart('/x', 'cancel', '"><script>', { title: '', effect: ['<b>'], yes: '<i>' });
  expect(markup).not.toMatch(/<script>|<b>|<i>/);
});
