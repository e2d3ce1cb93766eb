import { afterEach, expect, test } from '@jest/globals';
import { aPush, startScriptedServer } from '../../../../tests/harness/apns-peers.ts';
import { CONNECTORS, governedAnswer } from '../../../../tests/harness/connectors.ts';
import { closeAll, closers, govern } from '../../../../tests/harness/governed-apns.ts';

afterEach(closeAll);

const STREAMS = 1_000;
const LARGE = JSON.stringify({ aps: { alert: 'x'.repeat(3_900) } });
/** Sixteen such payloads fill the window that HTTP/2 begins with; what is answered meanwhile makes room for more. */
const FEW = 100;

test.each(CONNECTORS)(
  '%s: the payloads of a campaign do not stand before an alert in the window of the server',
  async (_, create) => {
    const server = await startScriptedServer(STREAMS, (stream) => {
      stream.on('end', () => {
        if (!stream.destroyed) stream.respond({ ':status': 200 }, { endStream: true });
      });
      stream.resume();
    });
    closers.push(() => server.close());
    const { governor } = govern(server.port, server.caPem, { maxInFlight: STREAMS }, create);
    await governor.acquire('urgent');
    await governedAnswer(governor, aPush(0)); // the probe: the whole window of streams is open now

    let answered = 0;
    let overtaken = 0;
    const alert = async () => {
      await governor.acquire('urgent');
      const before = answered;
      await governedAnswer(governor, aPush(5_000));
      overtaken = answered - before;
    };
    const alerts: Promise<void>[] = [];
    for (let sent = 1; sent <= STREAMS; sent++) {
      if (!governor.tryAcquire('bulk')) await governor.acquire('bulk');
      governor.send({ ...aPush(sent), payload: LARGE }, () => answered++);
      if (sent === STREAMS / 2) alerts.push(alert());
    }
    await Promise.all(alerts);
    expect(overtaken).toBeLessThan(FEW);
  },
  30_000,
);
