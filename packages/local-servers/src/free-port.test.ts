import { expect, test } from '@jest/globals';
import { onFreePort, PortTakenError, saysPortTaken } from './free-port.ts';

test('a port that is snatched away is replaced by another', async () => {
  const tried: number[] = [];
  const result = await onFreePort(undefined, async (port) => {
    tried.push(port);
    if (tried.length < 3) throw new PortTakenError('taken');
    return port;
  });
  expect(tried).toHaveLength(3);
  expect(result).toBe(tried[2]);
});

test('trying ends after five ports, and at once for another fault', async () => {
  let calls = 0;
  const failing = (error: Error) => async () => {
    calls += 1;
    throw error;
  };
  await expect(onFreePort(undefined, failing(new PortTakenError('taken')))).rejects.toThrow(PortTakenError);
  expect(calls).toBe(5);
  await expect(onFreePort(undefined, failing(new Error('no disk')))).rejects.toThrow('no disk');
  expect(calls).toBe(6);
});

test('a chosen port is tried once', async () => {
  const tried: number[] = [];
  const start = async (port: number) => {
    tried.push(port);
    throw new PortTakenError('taken');
  };
  await expect(onFreePort(6400, start)).rejects.toThrow(PortTakenError);
  expect(tried).toEqual([6400]);
});

test.each([
  [
    'Warning: Could not create server TCP listening socket 127.0.0.1:6400: bind: Address already in use',
    true,
  ],
  ["[ERROR] Can't start server: Bind on TCP/IP port. Got error: 98: Address already in use", true],
  ['Bind for 127.0.0.1:6400 failed: port is already allocated.', true],
  ['Ready to accept connections', false],
])('log line "%s": port taken is %s', (line, taken) => {
  expect(saysPortTaken(line)).toBe(taken);
});
