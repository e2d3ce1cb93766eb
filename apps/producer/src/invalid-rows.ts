import { rowDigest } from '@pushfleet/shared/domain/row-request';
import { utcDateTime } from '@pushfleet/shared/domain/wall-time';
import { readInvalidClaims, releaseInvalidClaims } from '@pushfleet/shared/store/claims';
import { readNotificationRows } from '@pushfleet/shared/store/notification-rows';
import type { ProducerContext } from './producer-context.ts';

const AT_ONCE = 500;

/** Looks at invalid rows again when the row or the mapping has changed: nothing of them was sent. */
export async function releaseMendedRows({ store, config, rules, log }: ProducerContext): Promise<void> {
  const window = config.PUSHFLEET_MAX_AGE === 'today' ? 86_400_000 : config.PUSHFLEET_MAX_AGE;
  const claims = await readInvalidClaims(store, utcDateTime(Date.now() - window), AT_ONCE);
  const rows = await readNotificationRows(
    store,
    claims.map(({ notificationId }) => notificationId),
  );
  const digests = new Map(rows.filter(({ unsent }) => unsent).map((row) => [row.id, rowDigest(row, rules)]));
  const mended = claims.filter(({ notificationId, digest }) => {
    const now = digests.get(notificationId);
    return now !== undefined && now !== digest;
  });
  await releaseInvalidClaims(
    store,
    mended.map(({ dispatchId }) => dispatchId),
  );
  if (mended.length > 0)
    log.info(
      { event: 'notification.mended', rows: mended.length },
      'rows that could not be sent have changed; looking again',
    );
}
