import { expect, test } from '@jest/globals';
import { brakeSentence } from './brake.ts';

const RULE = { share: 0.2, minAnswers: 100 };

test('more than the share, from so many answers on, holds', () => {
  expect(brakeSentence({ accused: { BadDeviceToken: 20 }, answers: 100 }, RULE)).toBeNull();
  expect(brakeSentence({ accused: { BadDeviceToken: 99 }, answers: 99 }, RULE)).toBeNull();
  expect(
    brakeSentence({ accused: { BadDeviceToken: 15, DeviceTokenNotForTopic: 6 }, answers: 100 }, RULE),
  ).toBe(
    '21 of 100 answers (21 %) refuse the device token with BadDeviceToken or DeviceTokenNotForTopic: most likely the wrong environment (production or sandbox)',
  );
});

test('410s and other refusals hold nothing', () => {
  expect(
    brakeSentence({ accused: { Unregistered: 900, PayloadTooLarge: 100 }, answers: 1_000 }, RULE),
  ).toBeNull();
});

test('a share of 1 switches the brake off', () => {
  expect(brakeSentence({ accused: { BadDeviceToken: 500 }, answers: 500 }, { ...RULE, share: 1 })).toBeNull();
});
