import { wallTime } from '@pushfleet/shared/domain/wall-time';
import type { Store } from '@pushfleet/shared/store/store';
import { SAMPLE_GROUPS } from './sample-devices.ts';

/** A notification of the sample, and how it should end. */
export interface SampleNotification {
  readonly id: string;
  readonly title: string;
  readonly endsAs: 'done' | 'invalid';
}

interface Draft {
  readonly title: string;
  readonly message: string;
  readonly groups?: readonly number[];
  readonly tokens?: readonly number[];
  readonly endsAs: 'done' | 'invalid';
}

const DRAFTS: readonly Draft[] = [
  {
    title: 'to everyone',
    message: 'Our summer sale has started',
    groups: SAMPLE_GROUPS.map(({ id }) => id),
    endsAs: 'done',
  },
  { title: 'to one device', message: 'Your order is on its way', tokens: [1], endsAs: 'done' },
  { title: 'without a text', message: '', groups: [4], endsAs: 'invalid' },
];

/**
 * Inserts the sample notifications as a backend would: rows and audience in one transaction, due now.
 * Only ever called for the embedded sample database.
 */
export function insertSampleNotifications({ database }: Store, zone: string): Promise<SampleNotification[]> {
  const due = wallTime(Date.now(), zone).slice(0, 19);
  return database.transaction(async (statements) => {
    const inserted: SampleNotification[] = [];
    for (const { title, message, groups = [], tokens = [], endsAs } of DRAFTS) {
      const { firstId } = await statements.insert(
        'INSERT INTO notification (message, sent, notificationdate) VALUES (?, 0, ?)',
        [message, due],
      );
      for (const group of groups)
        await statements.change(
          'INSERT INTO notification_token_group (notification_id, token_group_id) VALUES (?, ?)',
          [firstId, group],
        );
      for (const token of tokens)
        await statements.change('INSERT INTO notification_token (notification_id, token_id) VALUES (?, ?)', [
          firstId,
          token,
        ]);
      inserted.push({ id: String(firstId), title, endsAs });
    }
    return inserted;
  });
}
