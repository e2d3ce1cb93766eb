/** When the next connection may open: after the back-off, and after the fleet's permit. One at a time. */
import type { GovernorLog } from './connection-governor.ts';

/** A permit that never comes must not keep the fleet silent. */
const PERMIT_DEADLINE_MS = 5_000;

export interface ConnectScheduleOptions {
  readonly open: () => void;
  /** Milliseconds to wait before connecting. */
  readonly permit?: () => Promise<number>;
  readonly log: GovernorLog;
}

export class ConnectSchedule {
  #timer: NodeJS.Timeout | undefined;
  #pending = false;
  #cancelled = false;

  constructor(private readonly options: ConnectScheduleOptions) {}

  /** Opens in `delayMs`, unless a connect is on its way already or `cancel` was called. */
  connectIn(delayMs: number): void {
    if (this.#pending || this.#cancelled) return;
    this.#pending = true;
    this.#timer = setTimeout(() => void this.#askAndOpen(), delayMs);
  }

  /** For good. */
  cancel(): void {
    this.#cancelled = true;
    clearTimeout(this.#timer);
  }

  async #askAndOpen(): Promise<void> {
    const waitMs = this.options.permit ? await this.#askPermit(this.options.permit) : 0;
    if (this.#cancelled) return;
    this.#timer = setTimeout(() => {
      this.#pending = false;
      this.options.open();
    }, waitMs);
  }

  async #askPermit(permit: () => Promise<number>): Promise<number> {
    let deadline: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      const error = new Error(`no permit within ${PERMIT_DEADLINE_MS} ms`);
      deadline = setTimeout(() => reject(error), PERMIT_DEADLINE_MS);
    });
    try {
      return await Promise.race([permit(), late]);
    } catch (error) {
      // Our own back-off still holds; without the fleet-wide cap it is only less polite.
      this.options.log.warn(
        { event: 'connection.permitFailed', err: error },
        'cannot ask for the fleet-wide cap on connects; connecting without it',
      );
      return 0;
    } finally {
      clearTimeout(deadline);
    }
  }
}
