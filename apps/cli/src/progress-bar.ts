import type { NotificationStatus } from '@pushfleet/shared/store/status';
import { colors } from './output.ts';

/** A bar of `width` signs: accepted, then refused and failed, then ended without sending, then pending. */
export function progressBar(status: NotificationStatus, width: number): string {
  const { recipients, accepted, rejected, retired, failed, expired, cancelled } = status;
  if (recipients === 0) return colors.dim('·'.repeat(width));
  const parts = [
    { count: accepted, paint: colors.green, sign: '█' },
    { count: rejected + retired + failed, paint: colors.red, sign: '▓' },
    { count: expired + cancelled, paint: colors.yellow, sign: '▒' },
  ];
  let seen = 0;
  let drawn = 0;
  let bar = '';
  for (const { count, paint, sign } of parts) {
    seen += count;
    const end = Math.floor((seen / recipients) * width);
    // Few refusals of many are still worth a sign.
    const length = Math.min(width - drawn, Math.max(end - drawn, count > 0 && end < width ? 1 : 0));
    bar += length > 0 ? paint(sign.repeat(length)) : '';
    drawn += Math.max(0, length);
  }
  return bar + colors.dim('░'.repeat(width - drawn));
}

/** How much of it has an outcome, in whole per cent; 100 only when nobody is pending. */
export function settledPercent({ recipients, pending }: NotificationStatus): string {
  return recipients === 0 ? '–' : `${Math.floor(((recipients - pending) / recipients) * 100)} %`;
}
