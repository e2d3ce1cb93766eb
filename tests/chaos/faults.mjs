import { setTimeout as sleep } from 'node:timers/promises';
import { APNS_SCRIPT } from './scenario.mjs';

/** Whom APNs refuses it does not accept in silence either. */
const SILENCE = `${APNS_SCRIPT.split('\n').slice(0, 3).join('\n')}\ndevice * silence accepted`;

/**
 * Does one fault to the installation and puts it right again as a supervisor would.
 *
 * @returns {Promise<{ kind: string, from: number, to: number }>} the time, in milliseconds since 1970, in which
 *   answers may have been lost
 */
export async function doFault(installation, { kind, which, share }) {
  const { simulator, workers, producers } = installation;
  const from = Date.now();
  const downMs = 200 + 800 * share;
  const done = (to = Date.now()) => ({ kind, from, to });
  switch (kind) {
    case 'worker killed':
      workers[which % workers.length].kill();
      return done();
    case 'producer killed':
      producers[which % producers.length].kill();
      return done();
    case 'worker frozen':
      await workers[which % workers.length].freeze(500 + 8_500 * share);
      return done();
    case 'producer frozen':
      await producers[which % producers.length].freeze(500 + 12_500 * share);
      return done();
    case 'Redis killed':
      await installation.restartRedis(downMs, false);
      return done();
    case 'Redis killed and its data lost':
      await installation.restartRedis(downMs, true);
      return done();
    case 'Redis emptied by FLUSHALL':
      await installation.flushRedis().catch(() => {}); // it may be down for another fault
      return done();
    case 'MySQL killed':
      await installation.restartMysql(downMs);
      return done();
    case 'APNs connections cut':
      simulator.dropConnections();
      return done();
    case 'APNs says GOAWAY':
      simulator.goAway(which % 2 === 0 ? {} : { error: 'ENHANCE_YOUR_CALM' });
      return done();
    case 'APNs falls silent':
      simulator.script(SILENCE);
      await sleep(50 + 300 * share);
      simulator.script(APNS_SCRIPT);
      return done();
    default:
      throw new Error(`no fault is called ${kind}`);
  }
}
