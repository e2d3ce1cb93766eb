import { expect, test } from '@jest/globals';
import { LaneRoom } from './lane-room.ts';

test('where nobody has looked there is no room, and the lane is not called full', () => {
  const room = new LaneRoom();
  expect(room.take('shop', 'urgent', 1)).toBe(false);
  expect(room.isFull('shop', 'urgent')).toBe(false);
});

test.each([
  [{ recipients: 10, jobs: 2 }, [4, 4, 1], [true, true, false]],
  [{ recipients: 10, jobs: 5 }, [6, 6, 4], [true, false, true]],
])('of %p so many are taken at most', (left, asked, given) => {
  const room = new LaneRoom();
  room.set('shop', 'urgent', left);
  expect(asked.map((recipients) => room.take('shop', 'urgent', recipients))).toEqual(given);
  expect(left).toEqual({ recipients: 10, jobs: left.jobs }); // the given one stays as it is
});

test('a full lane gives nothing until there is room again, and other lanes and apps have their own', () => {
  const room = new LaneRoom();
  room.set('shop', 'urgent', { recipients: 10, jobs: 10 });
  room.set('shop', 'urgent', null);
  room.set('shop', 'bulk', { recipients: 10, jobs: 10 });
  expect(room.isFull('shop', 'urgent')).toBe(true);
  expect(room.take('shop', 'urgent', 1)).toBe(false);
  expect(room.take('shop', 'bulk', 1)).toBe(true);
  expect(room.take('taxi', 'urgent', 1)).toBe(false);
  room.set('shop', 'urgent', { recipients: 1, jobs: 1 });
  expect(room.isFull('shop', 'urgent')).toBe(false);
  expect(room.take('shop', 'urgent', 1)).toBe(true);
});
