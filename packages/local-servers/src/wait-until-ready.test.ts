import { expect, test } from '@jest/globals';
import type { Child } from './child-process.ts';
import { PortTakenError } from './free-port.ts';
import { LocalServerError } from './local-server.ts';
import { waitUntilReady } from './wait-until-ready.ts';

function childThatEndsAfter(looks: number, log: string): Child & { stopped: boolean } {
  let left = looks;
  return {
    pid: 1,
    exited: Promise.resolve(),
    running: () => left-- > 0,
    logTail: () => log,
    stopped: false,
    async stop() {
      this.stopped = true;
    },
    kill: async () => {},
  };
}

test('a probe that throws or says no is asked again', async () => {
  const answers = [() => Promise.reject(new Error('refused')), async () => false, async () => true];
  await waitUntilReady('Redis', childThatEndsAfter(10, ''), () => answers.shift()!());
  expect(answers).toHaveLength(0);
});

test('a server that ends is reported with its log', async () => {
  const failing = waitUntilReady('Redis', childThatEndsAfter(2, 'disk full'), async () => false);
  await expect(failing).rejects.toThrow(LocalServerError);
  await expect(failing).rejects.toThrow(/Redis ended while starting.*disk full/s);
});

test('a taken port is an error of its own, so that another port can be tried', async () => {
  const child = childThatEndsAfter(2, 'bind: Address already in use');
  await expect(waitUntilReady('Redis', child, async () => false)).rejects.toThrow(PortTakenError);
});

test('a server that never gets ready is stopped', async () => {
  const child = childThatEndsAfter(Number.POSITIVE_INFINITY, '');
  await expect(waitUntilReady('Redis', child, async () => false, 60)).rejects.toThrow(/not ready after/);
  expect(child.stopped).toBe(true);
});
