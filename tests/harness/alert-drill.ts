import { expect } from '@jest/globals';
import type { Prometheus } from './prometheus.ts';
import { untilTrue } from './wait.ts';

/** Until an alert fires or clears; what it took is in the table. */
const PATIENCE_MS = 60_000;

export interface Fault {
  make(): Promise<unknown>;
  mend(): Promise<unknown>;
}

/** Faults that are made and mended, with what their alerts did. */
export interface AlertDrill {
  /** Makes it, waits until all its alerts fire, mends it, waits until none of them does. */
  fault(alerts: readonly string[], what: string, fault: Fault): Promise<void>;
  /** Alerts that have fired and cleared. */
  alerts(): string[];
  /** A Markdown table: alert, fault, seconds from the beginning of the fault or of its mend. */
  table(): string;
}

export function startDrill(prometheus: Prometheus): AlertDrill {
  const rows: string[][] = [];
  const took = async (alerts: readonly string[], work: () => Promise<unknown>, fires: boolean) => {
    const since = performance.now();
    const seconds: Record<string, string> = {};
    await work();
    await untilTrue(
      prometheus.firing,
      (now) => {
        for (const name of alerts.filter((one) => now.includes(one) === fires))
          seconds[name] ??= ((performance.now() - since) / 1_000).toFixed(1);
        return alerts.every((name) => seconds[name] !== undefined);
      },
      PATIENCE_MS,
    );
    return seconds;
  };
  return {
    async fault(alerts, what, { make, mend }) {
      expect((await prometheus.firing()).filter((name) => alerts.includes(name))).toEqual([]);
      const fired = await took(alerts, make, true);
      const cleared = await took(alerts, mend, false);
      for (const name of alerts) rows.push([name, what, fired[name]!, cleared[name]!]);
    },
    alerts: () => rows.map(([name]) => name!),
    table() {
      const head = ['alert', 'fault', 'fired after s', 'cleared after s'];
      const widths = head.map((title, i) => Math.max(title.length, ...rows.map((row) => row[i]!.length)));
      const line = (row: readonly string[]) =>
        `| ${row.map((cell, i) => (i > 1 ? cell.padStart(widths[i]!) : cell.padEnd(widths[i]!))).join(' | ')} |`;
      return [head, ...rows].map(line).join('\n');
    },
  };
}
