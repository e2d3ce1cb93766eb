import { randomBytes } from 'node:crypto';
import { defaultLifetimeMs, dueWindow, hotWindow } from '@pushfleet/shared/domain/due-window';
import { requestOfRow, rowDigest } from '@pushfleet/shared/domain/row-request';
import { dueInstant, isSameTime, utcDateTime } from '@pushfleet/shared/domain/wall-time';
import { killPoint } from '@pushfleet/shared/platform/kill-point';
import { type AudienceLists, readAudienceLists } from '@pushfleet/shared/store/audience';
import {
  type Claim,
  type ClaimRequest,
  type FrozenClaim,
  freezeClaims,
  insertClaims,
  invalidateClaims,
  readClaims,
  withdrawClaims,
} from '@pushfleet/shared/store/claims';
import { type DueRow, findDueRows, findRearmedRows } from '@pushfleet/shared/store/due-rows';
import { type NotificationRow, readNotificationRows } from '@pushfleet/shared/store/notification-rows';
import type { Planning } from '@pushfleet/shared/store/plans';
import { NO_COUNTS } from './audience-plan.ts';
import type { ProducerContext } from './producer-context.ts';
import { traceClaims } from './producer-spans.ts';

const ROWS_PER_LOOK = 400;
const FRESH_ROWS_PER_LOOK = 50;
const WHOLE_WINDOW_EVERY_MS = 5_000;

/** What was just claimed, so that nobody has to read it again. */
export interface FreshClaims {
  readonly plannings: readonly Planning[];
  /** Their audiences as they were when the rows were claimed, by notification. */
  readonly lists: ReadonlyMap<string, AudienceLists>;
  /** Until it resolves MySQL has the claims, but not what their recipients will get. */
  readonly frozen: Promise<void>;
  /** They are the newest rows of a flood. */
  readonly areNewest: boolean;
}

type FoundRow = DueRow & { readonly round?: number };

/**
 * Finds due rows, claims them by inserting their ids, reads them again and freezes what their recipients
 * will get. What cannot be sent ends here as invalid, beside the others.
 */
export class DueRowClaimer {
  readonly #context: ProducerContext;
  readonly #onClaimed: (claims: FreshClaims) => void;
  readonly #now: () => number;
  readonly #onInvalid: (rows: number) => void;
  #lastLookAt: number;
  #lastWholeLookAt = 0;
  #lastRearmedLookAt = 0;
  /** More rows are due than one look takes. */
  #isFlooded = false;

  /**
   * @param now milliseconds since 1970
   * @param onInvalid told of rows that cannot be sent
   */
  constructor(
    context: ProducerContext,
    onClaimed: (claims: FreshClaims) => void,
    now: () => number = Date.now,
    onInvalid: (rows: number) => void = () => {},
  ) {
    this.#context = context;
    this.#onClaimed = onClaimed;
    this.#now = now;
    this.#onInvalid = onInvalid;
    this.#lastLookAt = now();
  }

  /** One look, from the oldest due row on. @returns true when there is more to claim at once */
  async look(): Promise<boolean> {
    const now = this.#now();
    const { config, store } = this.#context;
    const zone = backendZone(this.#context);
    const whole = dueWindow(now, zone, config.PUSHFLEET_MAX_AGE, this.#lastLookAt);
    const looksAtAll = now - this.#lastWholeLookAt >= WHOLE_WINDOW_EVERY_MS;
    const window = looksAtAll ? whole : hotWindow(whole, now, zone);
    const rows: FoundRow[] = await findDueRows(store, window, ROWS_PER_LOOK, 'oldest');
    this.#isFlooded = rows.length === ROWS_PER_LOOK;
    if (now - this.#lastRearmedLookAt >= WHOLE_WINDOW_EVERY_MS) {
      this.#lastRearmedLookAt = now;
      const resend = config.PUSHFLEET_ON_SENT_RESET === 'resend';
      rows.push(...(await findRearmedRows(store, whole, ROWS_PER_LOOK, false)));
      if (resend) rows.push(...(await findRearmedRows(store, whole, ROWS_PER_LOOK, true)));
    }
    await this.#claim(rows, now, false);
    this.#lastLookAt = now;
    // A full look at part of the window says nothing about the rest of it.
    if (looksAtAll && !this.#isFlooded) this.#lastWholeLookAt = now;
    return this.#isFlooded;
  }

  /** During a flood: claims the newest due rows beside it, so that an alert does not wait for a campaign. */
  async lookAtFresh(): Promise<void> {
    if (!this.#isFlooded) return;
    const now = this.#now();
    const zone = backendZone(this.#context);
    const window = hotWindow(
      dueWindow(now, zone, this.#context.config.PUSHFLEET_MAX_AGE, this.#lastLookAt),
      now,
      zone,
    );
    const rows = await findDueRows(this.#context.store, window, FRESH_ROWS_PER_LOOK, 'newest');
    await this.#claim(rows, now, true);
  }

  async #claim(rows: readonly FoundRow[], now: number, areNewest: boolean): Promise<void> {
    const { config, store, owner, log } = this.#context;
    const zone = backendZone(this.#context);
    const requests = new Map<string, ClaimRequest>();
    const startedAt = Date.now();
    for (const { id, due, round } of rows) {
      const dueAt = dueInstant(due, zone);
      if (dueAt === null || dueAt > now) continue;
      requests.set(id, {
        id,
        round: round ?? 1,
        dueWall: due,
        dueAt: utcDateTime(dueAt),
        deadline: utcDateTime(dueAt + defaultLifetimeMs(config.PUSHFLEET_MAX_AGE)),
        app: config.PUSHFLEET_APP,
      });
    }
    if (requests.size === 0) return;
    store.database.expectTransaction();
    const nonce = newNonce();
    await insertClaims(store, [...requests.values()], owner, nonce);
    const ids = [...requests.keys()];
    // Side by side, also for those that another producer got: an alert waits for each round trip.
    const [claims, read, lists] = await Promise.all([
      readClaims(store, ids, owner, nonce),
      readNotificationRows(store, ids),
      readAudienceLists(store, ids),
    ]);
    if (claims.length === 0) return;
    this.#context.rightOfWay.claimed();
    killPoint('producer.afterClaim');
    log.debug({ event: 'claim.made', claims: claims.length }, 'due rows claimed');
    const { frozen, invalid, withdrawn } = readClaimed(this.#context, claims, requests, read);
    const freezing = freezeClaims(store, frozen);
    const plannings = frozen.map((claim) => freshPlanning(claim, requests.get(claim.notificationId)!, nonce));
    if (plannings.length > 0) this.#onClaimed({ plannings, lists, frozen: freezing, areNewest });
    await Promise.all([freezing, withdrawClaims(store, withdrawn), invalidateClaims(store, invalid)]);
    killPoint('producer.afterFreeze');
    this.#onInvalid(invalid.length);
    traceClaims(this.#context, claims, requests, { frozen, invalid }, startedAt);
  }
}

type ClaimedRow = FrozenClaim & Pick<Claim, 'notificationId'>;

/** What becomes of claims: what recipients will get is made of the rows as they are now that nobody else can claim them. */
function readClaimed(
  { rules, log }: ProducerContext,
  claims: readonly Claim[],
  requests: ReadonlyMap<string, ClaimRequest>,
  rows: readonly NotificationRow[],
) {
  const rowById = new Map(rows.map((row) => [row.id, row]));
  const frozen: ClaimedRow[] = [];
  const invalid: { dispatchId: number; error: string; digest: string }[] = [];
  const withdrawn: number[] = [];
  for (const { dispatchId, notificationId } of claims) {
    const row = rowById.get(notificationId);
    const request = requests.get(notificationId);
    // Deleted, sent or postponed since it was found: it is no longer ours to send.
    if (row === undefined || request === undefined || !row.unsent || !isSameTime(row.due, request.dueWall)) {
      withdrawn.push(dispatchId);
      continue;
    }
    const built = requestOfRow(row, rules);
    if (!built.ok) {
      invalid.push({ dispatchId, error: built.error, digest: rowDigest(row, rules) });
      log.warn(
        { event: 'notification.invalid', notificationId, dispatchId, reason: built.error },
        'a row cannot be sent',
      );
      continue;
    }
    frozen.push({
      dispatchId,
      notificationId,
      app: built.request.app,
      lane: built.options?.lane ?? null,
      request: JSON.stringify(built.request),
      deadline: deadlineOf(built.request.expiration, request.deadline),
    });
  }
  return { frozen, invalid, withdrawn };
}

/** As MySQL has the dispatch now, and will have it once the claim is frozen. */
function freshPlanning(claim: ClaimedRow, { dueAt, dueWall }: ClaimRequest, nonce: string): Planning {
  const { dispatchId, notificationId, app, lane, request, deadline } = claim;
  return {
    dispatchId,
    notificationId,
    app,
    lane,
    nonce,
    fence: 1,
    batches: 0,
    cursor: null,
    request,
    ageMs: 0,
    dueAt,
    dueWall,
    deadline,
    counts: NO_COUNTS,
  };
}

/** The row's expiry; 0 asks APNs for one try but is no time to stop at. */
function deadlineOf(expiration: number | null, otherwise: string): string {
  return expiration === null || expiration === 0 ? otherwise : utcDateTime(expiration * 1000);
}

/** Zone of the due times. */
export function backendZone({ config, store }: Pick<ProducerContext, 'config' | 'store'>): string {
  return columnZone(store.backend.dueIsTimestamp, config);
}

/** A column of type TIMESTAMP comes out in our session's zone, which is UTC. */
export function columnZone(isTimestamp: boolean, config: ProducerContext['config']): string {
  return isTimestamp ? 'UTC' : config.PUSHFLEET_TIMEZONE;
}

export function newNonce(): string {
  return randomBytes(4).toString('hex');
}
