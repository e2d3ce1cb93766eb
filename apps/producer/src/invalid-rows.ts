import { rowDigest } from '@pushfleet/shared/domain/row-request';
import { utcDateTime } from '@pushfleet/shared/domain/wall-time';
import { readInvalidClaims, releaseInvalidClaims } from '@pushfleet/shared/store/claims';
import { readNotificationRows } from '@pushfleet/shared/store/notification-rows';
import type { ProducerContext } from './producer-context.ts';

const AT_ONCE = 500;

/** Looks at invalid rows again when the row or the mapping has changed: nothing of them was sent. */
export async function releaseMendedRows(context: ProducerContext): Promise<void> {
  const { store, config, log } = context;
  const window = config.PUSHFLEET_MAX_AGE === 'today' ? 86_400_000 : config.PUSHFLEET_MAX_AGE;
  const from = utcDateTime(Date.now() - window);
  let mended = 0;
  for (let after = 0; ; ) {
    const claims = await readInvalidClaims(store, from, after, AT_ONCE);
    mended += await releaseMended(context, claims);
    if (claims.length < AT_ONCE) break;
    after = claims.at(-1)!.dispatchId;
  }
  if (mended > 0)
    log.info(
      { event: 'notification.mended', rows: mended },
      'rows that could not be sent have changed; looking again',
    );
}

async function releaseMended(
  { store, rules }: ProducerContext,
  claims: Awaited<ReturnType<typeof readInvalidClaims>>,
): Promise<number> {
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
  return mended.length;
}
