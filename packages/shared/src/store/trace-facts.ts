import { pushName } from '../domain/operator-push.ts';
import { idText } from './backend-schema.ts';
import type { Store } from './store.ts';

/** What the spans of a dispatch say, where whoever works on it does not know it. */
export interface DispatchNames {
  /** Or the name of an operator's push. */
  readonly notificationId: string;
  readonly app: string;
}

/** By dispatch. */
export async function readDispatchNames(
  { database, tables }: Store,
  dispatchIds: readonly number[],
): Promise<Map<number, DispatchNames>> {
  if (dispatchIds.length === 0) return new Map();
  const rows = await database.arrays(
    `SELECT id, notification_id, app FROM ${tables.dispatch} WHERE id IN (?)`,
    [dispatchIds],
  );
  return new Map(rows.map(([id, notificationId, app]) => [Number(id), namesOf(id, notificationId, app)]));
}

export interface DispatchEnding extends DispatchNames {
  readonly dispatchId: number;
  readonly state: string;
  /** Recipients by outcome, over all batches. */
  readonly outcomes: { readonly [outcome: string]: number };
}

/** What became of dispatches that have ended. Adds up their batches: not for every look of a loop. */
export async function readDispatchEndings(
  { database, tables }: Store,
  dispatchIds: readonly number[],
): Promise<DispatchEnding[]> {
  if (dispatchIds.length === 0) return [];
  const rows = await database.arrays(
    `SELECT d.id, d.notification_id, d.app, d.state, SUM(b.accepted), SUM(b.rejected), SUM(b.retired), SUM(b.expired),
            SUM(b.cancelled), SUM(b.failed)
       FROM ${tables.dispatch} d LEFT JOIN ${tables.batch} b ON b.dispatch_id = d.id
      WHERE d.id IN (?) GROUP BY d.id, d.notification_id, d.app, d.state`,
    [dispatchIds],
  );
  return rows.map(([id, notificationId, app, state, ...sums]) => {
    const [accepted, rejected, retired, expired, cancelled, failed] = sums.map(Number) as [
      number,
      number,
      number,
      number,
      number,
      number,
    ];
    return {
      ...namesOf(id, notificationId, app),
      dispatchId: Number(id),
      state: String(state),
      outcomes: { accepted, rejected, retired, expired, cancelled, failed },
    };
  });
}

function namesOf(id: unknown, notificationId: unknown, app: unknown): DispatchNames {
  return {
    notificationId: notificationId === null ? pushName(Number(id)) : idText(notificationId),
    app: String(app),
  };
}
