import { DeviceTokenRows } from './device-token-rows.ts';

/** One request and what became of it. */
export interface RequestRecord {
  /** As it was sent; '' where the path has none. */
  readonly deviceToken: string;
  /** 0: no answer, and `reason` says what happened instead (reset, refuse, silence, drop, goaway). */
  readonly status: number;
  /** Apple's reason; '' for 200. */
  readonly reason: string;
  readonly atMs: number;
  /** Number of the connection, counted from 1. */
  readonly connection: number;
  /** Id of the HTTP/2 stream. */
  readonly stream: number;
}

/** The requests in their order, 64 bytes each. */
export class RequestLog {
  private readonly rows = new DeviceTokenRows();
  private readonly answers: { status: number; reason: string }[] = [];
  private readonly answerIndex = new Map<string, number>();
  private readonly answerOfRow: Uint16Array[] = [];

  /** Keeps at most `maxRecords` requests. */
  constructor(private readonly maxRecords: number) {}

  add(request: RequestRecord): void {
    const row = this.rows.length;
    if (row >= this.maxRecords) return;
    if (row % 65_536 === 0) this.answerOfRow.push(new Uint16Array(65_536));
    this.answerOfRow[this.answerOfRow.length - 1]![row % 65_536] = this.indexOf(request);
    this.rows.append(request.atMs, request.connection, request.stream, '', request.deviceToken);
  }

  /** The requests from the one numbered `since` (0 is the first), at most `limit`. */
  list(since = 0, limit = Number.POSITIVE_INFINITY): RequestRecord[] {
    const requests: RequestRecord[] = [];
    const end = Math.min(this.rows.length, since + limit);
    for (let row = since; row < end; row++) {
      const answer = this.answers[this.answerOfRow[Math.floor(row / 65_536)]![row % 65_536]!]!;
      requests.push({
        deviceToken: this.rows.deviceToken(row),
        ...answer,
        atMs: this.rows.atMs(row),
        connection: this.rows.connection(row),
        stream: this.rows.number(row),
      });
    }
    return requests;
  }

  private indexOf({ status, reason }: RequestRecord): number {
    const key = `${status} ${reason}`;
    let index = this.answerIndex.get(key);
    if (index === undefined) {
      index = this.answers.push({ status, reason }) - 1;
      this.answerIndex.set(key, index);
    }
    return index;
  }
}
