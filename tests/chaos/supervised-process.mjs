import { spawn } from 'node:child_process';
import { closeSync, existsSync, openSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

const BINARY = fileURLToPath(new URL('../../apps/cli/bin/pushfleet.js', import.meta.url));
const STOP_WITHIN_MS = 30_000;

/** A `pushfleet` process that is started again whenever it ends, 0.2 to 1 s later, as systemd does. */
export class SupervisedProcess {
  starts = 0;
  /** Ends that nobody asked for: `{ code, signal }`. */
  unasked = [];
  #child;
  #stopping = false;
  #killed = false;
  #ended = Promise.resolve();

  constructor(name, command, environment, logFile, random) {
    Object.assign(this, { name, command, environment, logFile, random });
    this.#spawn();
  }

  get pid() {
    return this.#child.pid;
  }

  /** Resolves when it has said that it runs. */
  async started() {
    const text = `"event":"${this.command}.started"`;
    for (let i = 0; i < 300; i++) {
      if (existsSync(this.logFile) && readFileSync(this.logFile, 'utf8').includes(text)) return;
      await sleep(100);
    }
    throw new Error(`${this.name} did not start in 30 s, see ${this.logFile}`);
  }

  kill() {
    this.#killed = true;
    this.#child.kill('SIGKILL');
  }

  /** Stands still for so long, wherever it is, and goes on as if nothing had been. */
  async freeze(ms) {
    const child = this.#child;
    child.kill('SIGSTOP');
    await sleep(ms);
    child.kill('SIGCONT');
  }

  /** @returns exit code or signal */
  async stop() {
    this.#stopping = true;
    await this.#ended;
    const child = this.#child;
    if (child.exitCode !== null || child.signalCode !== null) return child.exitCode ?? child.signalCode;
    const exited = new Promise((resolve) => child.once('exit', (code, signal) => resolve(code ?? signal)));
    child.kill('SIGCONT');
    child.kill('SIGTERM');
    const timer = setTimeout(() => child.kill('SIGKILL'), STOP_WITHIN_MS);
    const how = await exited;
    clearTimeout(timer);
    return how;
  }

  #spawn() {
    if (this.#stopping) return;
    this.starts++;
    this.#killed = false;
    const log = openSync(this.logFile, 'a');
    const child = spawn(process.execPath, [BINARY, this.command], {
      env: { PATH: process.env.PATH, HOME: process.env.HOME, NO_COLOR: '1', ...this.environment },
      stdio: ['ignore', log, log],
    });
    closeSync(log);
    this.#child = child;
    child.once('exit', (code, signal) => {
      if (this.#stopping) return;
      if (!this.#killed) this.unasked.push({ code, signal });
      this.#ended = sleep(this.random.between(200, 1_000)).then(() => this.#spawn());
    });
  }
}
