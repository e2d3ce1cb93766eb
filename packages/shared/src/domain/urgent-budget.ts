import type { Lane } from './lanes.ts';

/** Small notifications of one due second that may be urgent; a mail-merge campaign has thousands. */
const URGENT_PER_SECOND = 200;
const SECONDS_KEPT = 600;

/**
 * Which lane a notification takes. Small audiences are urgent, but of one due second only so many: a
 * flood of single pushes that are due together spills over to bulk, and an alert that is due a few seconds
 * later finds the urgent lane free.
 */
export class UrgentBudget {
  readonly #urgentMaxRecipients: number;
  readonly #spent = new Map<string, number>();

  constructor(urgentMaxRecipients: number) {
    this.#urgentMaxRecipients = urgentMaxRecipients;
  }

  /**
   * @param dueAt UTC DATETIME text of the due time
   * @param asked lane that the notification itself asks for
   */
  laneFor(recipients: number, dueAt: string, asked: Lane | null): Lane {
    if (asked !== null) return asked;
    if (recipients > this.#urgentMaxRecipients) return 'bulk';
    const second = dueAt.slice(0, 19);
    const spent = this.#spent.get(second) ?? 0;
    if (spent >= URGENT_PER_SECOND) return 'bulk';
    this.#spent.set(second, spent + 1);
    if (this.#spent.size > SECONDS_KEPT) this.#spent.delete(this.#spent.keys().next().value!);
    return 'urgent';
  }
}
