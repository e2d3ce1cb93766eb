import { colors } from '../output.ts';
import type { EmbeddedApns } from './embedded-apns.ts';

/** How long it took from the start of this process, `npm start` included, to the first accepted push. */
export function firstPushLine({ simulator }: EmbeddedApns): string {
  const first = simulator.acceptedTimes()[0];
  if (first === undefined) return 'No push was accepted.';
  const seconds = (first - performance.timeOrigin) / 1_000;
  return `First push accepted ${colors.bold(`${seconds.toFixed(1)} s`)} after the start.`;
}
