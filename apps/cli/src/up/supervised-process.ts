import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { relative } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { type Watchdog, watchOver } from '@pushfleet/local-servers/watchdog';
import { CommandFailure } from '../failure.ts';
import { lastWords } from './last-words.ts';
import type { Started } from './shutdown.ts';
import { recordProcess } from './state-directory.ts';

const BINARY = fileURLToPath(new URL('../../bin/pushfleet.js', import.meta.url));

/** Waits before each restart, in milliseconds; after the last one it is given up. */
const RESTART_DELAYS_MS = [500, 1_000, 2_000, 4_000, 8_000] as const;
/** Who ran for so long starts with a clean slate. */
const STEADY_AFTER_MS = 60_000;
const READY_WITHIN_MS = 30_000;
/** The process needs up to PUSHFLEET_DRAIN_TIMEOUT_MS itself. */
const STOP_WITHIN_MS = 30_000;
/** Exit code of a wrong configuration: another start changes nothing. */
const WRONG_CONFIGURATION = 2;

export interface ProcessPlan {
  /** For messages and file names: "worker 1", "worker-1". */
  readonly name: string;
  readonly kind: Started['kind'];
  /** The subcommand of our own binary. */
  readonly command: string;
  readonly environment: NodeJS.ProcessEnv;
  readonly logFile: string;
  readonly pidFile: string;
  /** The log event by which it says that it is ready. */
  readonly readyEvent: string;
}

/**
 * A process of ours as a child: its log goes to a file, it is restarted when it fails, and it outlives
 * neither `stop` nor this process. Ctrl-C on the terminal does not reach it: `up` stops it in its order.
 */
export class SupervisedProcess implements Started {
  readonly name: string;
  readonly kind: Started['kind'];
  #child: ChildProcess | undefined;
  #watchdog: Watchdog | undefined;
  #stopping = false;
  #failures = 0;
  #startedAt = 0;
  #given: Error | undefined;
  #restart: NodeJS.Timeout | undefined;

  constructor(
    private readonly plan: ProcessPlan,
    private readonly warn: (line: string) => void,
  ) {
    this.name = plan.name;
    this.kind = plan.kind;
    writeFileSync(plan.logFile, '', { mode: 0o600 });
    this.#spawn();
  }

  /**
   * Resolves when it is ready.
   * @throws CommandFailure with its last words where it does not start
   */
  async ready(signal: AbortSignal): Promise<void> {
    const until = Date.now() + READY_WITHIN_MS;
    while (!readFileSync(this.plan.logFile, 'utf8').includes(`"event":"${this.plan.readyEvent}"`)) {
      signal.throwIfAborted();
      if (this.#given !== undefined) throw this.#given;
      if (Date.now() > until) throw this.#failure(`is not ready after ${READY_WITHIN_MS / 1_000} s`);
      await sleep(30);
    }
  }

  async stop(): Promise<void> {
    this.#stopping = true;
    clearTimeout(this.#restart);
    const child = this.#child;
    if (child === undefined) return;
    const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()));
    if (child.exitCode !== null || child.signalCode !== null) return this.#dismiss();
    child.kill('SIGTERM');
    const insist = setTimeout(() => child.kill('SIGKILL'), STOP_WITHIN_MS);
    await exited;
    clearTimeout(insist);
    await this.#dismiss();
  }

  kill(): void {
    this.#stopping = true;
    this.#child?.kill('SIGKILL');
    rmSync(this.plan.pidFile, { force: true });
  }

  #spawn(): void {
    const log = openSync(this.plan.logFile, 'a');
    const child = spawn(process.execPath, [BINARY, this.plan.command], {
      env: this.plan.environment,
      // A session of its own: see above.
      detached: true,
      stdio: ['ignore', log, log],
    });
    closeSync(log);
    this.#child = child;
    this.#startedAt = performance.now();
    child.once('error', (error) => this.#giveUp(`cannot be started: ${error.message}`));
    if (child.pid === undefined) return;
    this.#watchdog = watchOver(child.pid);
    recordProcess(this.plan.pidFile, child.pid);
    child.once('exit', (code, signal) => void this.#exited(code, signal));
  }

  async #exited(code: number | null, signal: NodeJS.Signals | null): Promise<void> {
    if (this.#stopping) return;
    await this.#dismiss();
    const how = signal === null ? `ended with exit code ${code}` : `was ended by ${signal}`;
    if (performance.now() - this.#startedAt > STEADY_AFTER_MS) this.#failures = 0;
    const delayMs = RESTART_DELAYS_MS[this.#failures++];
    if (code === WRONG_CONFIGURATION) return this.#giveUp(how, 2);
    if (delayMs === undefined) return this.#giveUp(`${how} after ${RESTART_DELAYS_MS.length} restarts`);
    this.warn(
      `${this.name} ${how}; starting it again in ${delayMs / 1_000} s ` +
        `(${this.#failures} of ${RESTART_DELAYS_MS.length}; log: ${this.#log})`,
    );
    this.#restart = setTimeout(() => this.#spawn(), delayMs);
  }

  #giveUp(how: string, exitCode: 1 | 2 = 1): void {
    this.#given = this.#failure(how, exitCode);
    this.warn(`${this.name} ${how}; it is not started again (log: ${this.#log})`);
  }

  #failure(how: string, exitCode: 1 | 2 = 1): CommandFailure {
    const log = readFileSync(this.plan.logFile, 'utf8');
    return new CommandFailure(`${this.name} ${how}.\n${lastWords(log)}\nIts log: ${this.#log}`, exitCode);
  }

  /** As a person finds it from here. */
  get #log(): string {
    return relative(process.cwd(), this.plan.logFile);
  }

  async #dismiss(): Promise<void> {
    rmSync(this.plan.pidFile, { force: true });
    await this.#watchdog?.dismiss();
  }
}
