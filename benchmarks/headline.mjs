/** The few figures that the front page shows. */
import { table } from './report.mjs';

/** @param {Record<string, object>} parts figures of each benchmark, by its name */
export function headline({ wire, 'end-to-end': endToEnd, latency, urgent }) {
  const largest = Math.max(...endToEnd.rows.map(({ size }) => size));
  const of = (system) => endToEnd.rows.find((row) => row.system === system && row.size === largest);
  const number = (value) => Math.round(value).toLocaleString('en');
  const row = (label, system) => [
    label,
    number(of(system).perSecond),
    `${of(system).microseconds.toFixed(1)} µs`,
    `1/${(of('baseline').microseconds / of(system).microseconds).toFixed(1)}`,
  ];
  const [oneWorker] = latency.rows;
  return [
    `${largest.toLocaleString('en')} recipients, from the row's insert to \`sent\`; MySQL, Redis, producer, one worker and the simulator share two cores:`,
    '',
    ...table(
      ['', 'pushes a second', 'CPU per push', 'of the baseline'],
      [
        row('Pushfleet, `native` session', 'Pushfleet, native'),
        row('Pushfleet, `node-apn` session', 'Pushfleet, node-apn'),
        row('one BullMQ job per device, node-apn', 'baseline'),
      ],
    ),
    '',
    `On the wire a push costs the native session ${wire.native.toFixed(1)} µs, node-apn ${wire.nodeApn.toFixed(1)}, h2load (C) ${wire.h2load.toFixed(1)}. With APNs 50 ms away one connection carries ${number(oneWorker.perSecond)} a second. An urgent push during such a broadcast is accepted ${number(urgent.wokenP99Ms)} ms after its insert at the 99th percentile when the library wakes the producer, ${number(urgent.polledP99Ms)} ms when it polls. [docs/benchmarks.md](docs/benchmarks.md) has all of it, and how to repeat it.`,
  ];
}
