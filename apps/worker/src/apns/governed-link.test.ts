import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, expect, test } from '@jest/globals';
import { acceptAfter, eventually, startScriptedServer } from '../../../../tests/harness/apns-peers.ts';
import { closeAll, closers, govern } from '../../../../tests/harness/governed-apns.ts';

afterEach(closeAll);

/** A governor on a server that allows no stream to those who connect now. */
async function governShutOut(connectTimeoutMs: number) {
  const apns = await startScriptedServer(
    0,
    acceptAfter(async () => {}),
  );
  closers.push(() => apns.close());
  const { governor } = govern(apns.port, apns.caPem, { connectTimeoutMs });
  governor.start();
  await eventually(() => governor.state() === 'probing');
  return { apns, governor, slot: governor.acquire('bulk') };
}

test('a server that allows no stream for as long as a connect may take is left for another connection', async () => {
  const { apns, governor, slot } = await governShutOut(200);
  apns.server.updateSettings({ maxConcurrentStreams: 10 }); // for those who connect from now on
  await slot;
  expect(governor.connects()).toBe(2);
  governor.release('bulk');
});

test('a server that forbids streams for a moment keeps its connection', async () => {
  const { apns, governor, slot } = await governShutOut(200);
  await sleep(100);
  apns.sessions[0]!.settings({ maxConcurrentStreams: 5 });
  await slot;
  governor.release('bulk');
  await sleep(200);
  expect(governor.connects()).toBe(1);
});
