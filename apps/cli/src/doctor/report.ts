import { colors, plural } from '../output.ts';
import type { Finding, FindingState } from './finding.ts';

const PAINT: Readonly<Record<FindingState, (text: string) => string>> = {
  ok: colors.green,
  verify: colors.cyan,
  warning: colors.yellow,
  fault: colors.red,
  skipped: colors.dim,
};

/** The findings as aligned lines, note and mend below what they are about, and a sum. */
export function reportText(findings: readonly Finding[]): string {
  const width = Math.max(...findings.map(({ check }) => check.length));
  const indent = ' '.repeat(9 + width + 2);
  const lines = findings.flatMap(({ check, state, what, note, mend }) => [
    `${PAINT[state](state.padEnd(9))}${check.padEnd(width + 2)}${what.replaceAll('\n', `\n${indent}`)}`,
    // One arrow, so that several lines can be copied together.
    ...[note === null || mend === null ? note : `${note}:`, mend]
      .flatMap((text) => (text ?? '').split('\n'))
      .filter(Boolean)
      .map((line, at) => `${indent}${at === 0 ? colors.bold('→') : ' '} ${line}`),
  ]);
  return `${lines.join('\n')}\n\n${sum(findings)}`;
}

function sum(findings: readonly Finding[]): string {
  const count = (state: FindingState) => findings.filter((finding) => finding.state === state).length;
  const faults = count('fault');
  const head = faults === 0 ? colors.green('no faults') : colors.red(plural(faults, 'fault'));
  const rest = [`${count('ok')} ok`, count('verify') > 0 && `${count('verify')} to verify`];
  return [head, plural(count('warning'), 'warning'), ...rest, `${count('skipped')} skipped`]
    .filter(Boolean)
    .join(', ');
}
