import { DeviceTokenRows } from './device-token-rows.ts';
import { DistinctStrings } from './distinct-strings.ts';

/** One push that the simulator accepted. */
export interface AcceptedPush {
  /** As it was sent. */
  readonly deviceToken: string;
  /** As sent, or made here. */
  readonly apnsId: string;
  readonly topic: string;
  /** The headers as sent; '' where a header was left out. */
  readonly pushType: string;
  readonly priority: string;
  readonly expiration: string;
  readonly collapseId: string;
  readonly payload: string;
  /** When the whole request had arrived, in milliseconds since 1970; latency and delays come after it. */
  readonly atMs: number;
  /** Number of the connection, counted from 1. */
  readonly connection: number;
}

const SEPARATOR = '\u0000'; // in no header, and escaped in JSON

/** The accepted pushes in their order. What many pushes share, payload and headers, is held once. */
export class AcceptedLog {
  private readonly rows = new DeviceTokenRows();
  private readonly deviceTokens = new DistinctStrings();
  private readonly shared: string[] = [];
  private readonly sharedIndex = new Map<string, number>();

  /** Keeps at most `maxRecords` pushes; later ones only count as distinct device tokens. */
  constructor(private readonly maxRecords: number) {}

  /** Number of pushes kept. */
  get length(): number {
    return this.rows.length;
  }

  /** Number of different device tokens, whatever their spelling. */
  get distinct(): number {
    return this.deviceTokens.size;
  }

  add(push: AcceptedPush): void {
    this.deviceTokens.add(push.deviceToken.toLowerCase());
    if (this.rows.length >= this.maxRecords) return;
    this.rows.append(push.atMs, push.connection, this.share(push), push.apnsId, push.deviceToken);
  }

  /** The pushes from the one numbered `since` (0 is the first), at most `limit`. */
  list(since = 0, limit = Number.POSITIVE_INFINITY): AcceptedPush[] {
    const pushes: AcceptedPush[] = [];
    const end = Math.min(this.rows.length, since + limit);
    for (let row = since; row < end; row++) pushes.push(this.read(row));
    return pushes;
  }

  /** When each was accepted, in milliseconds since 1970 and in order. */
  times(): Float64Array {
    const times = new Float64Array(this.rows.length);
    for (let row = 0; row < times.length; row++) times[row] = this.rows.atMs(row);
    return times;
  }

  private share(push: AcceptedPush): number {
    const parts = [push.topic, push.pushType, push.priority, push.expiration, push.collapseId, push.payload];
    const key = parts.join(SEPARATOR);
    let index = this.sharedIndex.get(key);
    if (index === undefined) {
      index = this.shared.push(key) - 1;
      this.sharedIndex.set(key, index);
    }
    return index;
  }

  private read(row: number): AcceptedPush {
    const [topic, pushType, priority, expiration, collapseId, ...payload] =
      this.shared[this.rows.number(row)]!.split(SEPARATOR);
    return {
      deviceToken: this.rows.deviceToken(row),
      apnsId: this.rows.uuid(row),
      topic: topic!,
      pushType: pushType!,
      priority: priority!,
      expiration: expiration!,
      collapseId: collapseId!,
      payload: payload.join(SEPARATOR),
      atMs: this.rows.atMs(row),
      connection: this.rows.connection(row),
    };
  }
}
