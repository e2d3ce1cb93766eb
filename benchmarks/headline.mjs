/** The few figures that the front page shows. */
import { NATIVE, NODE_APN, wholeBaseline } from './end-to-end.mjs';
import { table } from './report.mjs';

/** @param {Record<string, object>} parts figures of each benchmark, by its name */
export function headline({ wire, 'end-to-end': endToEnd, latency, urgent }) {
  const largest = Math.max(...endToEnd.rows.map(({ size }) => size));
  const of = (system) => endToEnd.rows.find((row) => row.system === system && row.size === largest);
  const systems = [NATIVE, NODE_APN].map(of);
  const compared = wholeBaseline(endToEnd.rows);
  const number = (value) => Math.round(value).toLocaleString('en');
  const [oneWorker] = latency.rows;
  return table(
    [
      'all on 2 shared cores and loopback, APNs simulated',
      'Pushfleet, `native`',
      'Pushfleet, `node-apn`',
      'usual worker',
    ],
    [
      [
        `pushes a second, from the row to \`sent\`, ${number(largest)} devices; by the usual worker ${number(compared.size)}`,
        ...[...systems, compared].map(({ perSecond }) => number(perSecond)),
      ],
      [
        `processor time of all processes for a push; of the usual worker with ${number(compared.size)} devices`,
        ...[...systems, compared].map(({ microseconds }) => `${number(microseconds)} µs`),
      ],
      [
        `processor time on the wire for a push; h2load, in C: ${wire.h2load.toFixed(1)} µs`,
        `${wire.native.toFixed(1)} µs`,
        ...Array(2).fill(`${wire.nodeApn.toFixed(1)} µs`),
      ],
      ['pushes a second over one connection, APNs 50 ms away', number(oneWorker.whileSending), '', ''],
      [
        'an alert during such a broadcast until APNs accepted it, 99th percentile: woken, polled',
        `${number(urgent.wokenP99Ms)} ms, ${number(urgent.polledP99Ms)} ms`,
        '',
        '',
      ],
    ],
  );
}
