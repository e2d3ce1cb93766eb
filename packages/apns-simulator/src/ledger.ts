import { AcceptedLog, type AcceptedPush } from './accepted-log.ts';
import { RequestLog, type RequestRecord } from './request-log.ts';

/** How many pushes were accepted in a second; `second` is seconds since 1970. */
export interface AcceptedInSecond {
  readonly second: number;
  readonly count: number;
}

/** What the simulator remembers: totals always, each push and request only with `record: 'all'`. */
export class Ledger {
  private acceptedTotal = 0;
  private requestTotal = 0;
  private byAnswer = new Map<string, number>();
  private bySecond = new Map<number, number>();
  private logs: { accepted: AcceptedLog; requests: RequestLog } | undefined;

  constructor(
    private readonly record: 'all' | 'counts',
    private readonly maxRecords: number,
  ) {
    this.clear();
  }

  get accepted(): number {
    return this.acceptedTotal;
  }

  get requests(): number {
    return this.requestTotal;
  }

  /** The logs; `undefined` with `record: 'counts'`. */
  get details(): { readonly accepted: AcceptedLog; readonly requests: RequestLog } | undefined {
    return this.logs;
  }

  /** Forgets everything. */
  clear(): void {
    this.acceptedTotal = 0;
    this.requestTotal = 0;
    this.byAnswer = new Map();
    this.bySecond = new Map();
    if (this.record === 'counts') return;
    this.logs = { accepted: new AcceptedLog(this.maxRecords), requests: new RequestLog(this.maxRecords) };
  }

  /** Counts an accepted push; `describe` is called only if each push is kept. */
  addAccepted(atMs: number, describe: () => AcceptedPush): void {
    this.acceptedTotal += 1;
    const second = Math.floor(atMs / 1000);
    this.bySecond.set(second, (this.bySecond.get(second) ?? 0) + 1);
    this.logs?.accepted.add(describe());
  }

  /** Counts a request and its answer; `describe` is called only if each request is kept. */
  addRequest(answer: string, describe: () => RequestRecord): void {
    this.requestTotal += 1;
    this.byAnswer.set(answer, (this.byAnswer.get(answer) ?? 0) + 1);
    this.logs?.requests.add(describe());
  }

  /** Requests by answer: `200`, `410 Unregistered`, or what happened instead of one: `silence`. */
  answers(): Record<string, number> {
    return Object.fromEntries(this.byAnswer);
  }

  /** Seconds without an accepted push are left out. */
  perSecond(): AcceptedInSecond[] {
    return [...this.bySecond]
      .sort(([one], [other]) => one - other)
      .map(([second, count]) => ({ second, count }));
  }
}
