/** Why this worker takes no jobs at the moment. */
export type GateCause =
  | 'stopping'
  | 'noControl'
  | 'unknownServer'
  | 'recovering'
  | 'mismatch'
  | 'paused'
  | 'connection'
  | 'breaker'
  | 'redis';

/**
 * Whether this worker takes jobs: as long as nothing speaks against it. Each cause is raised and
 * withdrawn by its own part, so that no automatic resume lifts an operator's pause.
 */
export class LaneGate {
  readonly #causes = new Set<GateCause>();
  readonly #listeners: ((change: GateChange) => void)[] = [];

  get isOpen(): boolean {
    return this.#causes.size === 0;
  }

  get causes(): readonly GateCause[] {
    return [...this.#causes];
  }

  set(cause: GateCause, closed: boolean): void {
    if (closed) this.close(cause);
    else this.withdraw(cause);
  }

  close(cause: GateCause): void {
    if (this.#causes.has(cause)) return;
    this.#causes.add(cause);
    this.#tell({ isOpen: false, closedBy: cause });
  }

  withdraw(cause: GateCause): void {
    if (this.#causes.delete(cause) && this.isOpen) this.#tell({ isOpen: true });
  }

  /** Told when the gate opens, and of each cause that closes it. */
  onChange(listener: (change: GateChange) => void): void {
    this.#listeners.push(listener);
  }

  #tell(change: GateChange): void {
    for (const listener of this.#listeners) listener(change);
  }
}

export type GateChange = { readonly isOpen: true } | { readonly isOpen: false; readonly closedBy: GateCause };
