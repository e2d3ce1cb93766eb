import { isTooOld } from './session-age.ts';

/** More log-outs than people and thirty days make. */
const MOST = 10_000;

export interface Session {
  /** Drawn at the login, the same in every renewed cookie. */
  readonly id: string;
  /** Milliseconds since 1970. */
  readonly enteredAt: number;
}

/**
 * Sessions that somebody logged out: whoever has a copy of their cookie is not let in with it. A session stands in its
 * cookie alone, so this is all that a board keeps of any. It is forgotten when the board ends.
 */
export class EndedSessions {
  readonly #ended = new Map<string, number>();
  #allUntil = Number.NEGATIVE_INFINITY;

  constructor(private readonly most = MOST) {}

  /** @param now milliseconds since 1970 */
  end({ id, enteredAt }: Session, now: number): void {
    for (const [known, at] of this.#ended) if (isTooOld(at, now)) this.#ended.delete(known);
    this.#ended.set(id, enteredAt);
    if (this.#ended.size <= this.most) return;
    // Rather asks people for the login again than let one in that had logged out.
    this.#allUntil = Math.max(...this.#ended.values());
    this.#ended.clear();
  }

  has({ id, enteredAt }: Session): boolean {
    return enteredAt <= this.#allUntil || this.#ended.has(id);
  }
}
