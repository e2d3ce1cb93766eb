import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { ClientStream } from './client-stream.ts';
import { OpenStreams } from './open-streams.ts';

const aStream = (id: number) => new ClientStream(id, () => {}, 0, 0);

test('what is open is found, what has ended is not, whatever ends first', () => {
  fc.assert(
    fc.property(fc.array(fc.nat(400), { maxLength: 900 }), (steps) => {
      const open = new OpenStreams();
      const model = new Map<number, ClientStream>();
      let nextId = 1;
      for (const step of steps) {
        const ended = step % 3 === 0 ? [...model.values()][step % (model.size + 1)] : undefined;
        if (ended === undefined) {
          const stream = aStream(nextId);
          nextId += 2;
          open.add(stream);
          model.set(stream.id, stream);
        } else {
          open.delete(ended);
          model.delete(ended.id);
        }
      }
      expect(open.size).toBe(model.size);
      expect(open.all()).toEqual([...model.values()]);
      for (let id = 1; id < nextId + 2; id += 2) expect(open.get(id)).toBe(model.get(id));
    }),
    { numRuns: 60 },
  );
});

test('one that has ended holds on to no other', () => {
  const open = new OpenStreams();
  const streams = Array.from({ length: 500 }, (_, i) => aStream(2 * i + 1));
  for (const stream of streams) open.add(stream);
  for (const stream of streams) open.delete(stream);
  expect(streams.filter(({ nextInBucket }) => nextInBucket !== undefined)).toEqual([]);
  open.delete(streams[0]!); // a second time
  expect(open.size).toBe(0);
});
