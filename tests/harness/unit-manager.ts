import { type ChildProcess, spawn } from 'node:child_process';
import {
  appendFileSync,
  chmodSync,
  chownSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { watchOver } from '@pushfleet/local-servers/watchdog';
import { environmentOf, readUnit, type Unit } from './unit-file.ts';

/** The first of the numbers that systemd gives to users of `DynamicUser`. */
const FIRST_DYNAMIC_USER = 61_184;

/** A server that has no unit of ours. */
export interface ForeignUnit {
  start(): Promise<void>;
  stop(): Promise<void>;
}

/** How one process of a unit ended. */
export interface Stopped {
  readonly unit: string;
  readonly seconds: number;
  readonly allowedSeconds: number;
  readonly ended: number | NodeJS.Signals;
}

interface Running {
  readonly child: ChildProcess;
  readonly unit: Unit;
  readonly ended: Promise<number | NodeJS.Signals>;
}

/**
 * What systemd would do with our units, as far as it can be done without being process 1: the command of a
 * unit with its settings, its credentials in a directory of its own, as a user without a name and without any
 * right, SIGTERM and after `TimeoutStopSec` SIGKILL. Neither the sandbox nor starting again.
 */
export class UnitManager {
  readonly stopped: Stopped[] = [];
  private readonly running = new Map<string, Running>();
  private readonly enabled = new Set<string>();
  private readonly users: string[] = [];

  /** @param root below it are `etc/systemd/system`, and `run/credentials` and `journal`, which are made */
  constructor(
    private readonly root: string,
    private readonly foreign: Readonly<Record<string, ForeignUnit>>,
  ) {
    for (const name of ['run/credentials', 'journal']) mkdirSync(join(root, name), { recursive: true });
  }

  /** Does what `systemctl WORDS` does. @throws Error with what it would say */
  async systemctl(words: readonly string[]): Promise<void> {
    const [verb, ...rest] = words;
    const names = rest.filter((word) => !word.startsWith('--'));
    const now = rest.includes('--now');
    if (verb === 'daemon-reload') return;
    if (verb === 'enable') for (const name of names) this.enabled.add(name);
    if (verb === 'disable') for (const name of names) this.enabled.delete(name);
    if (verb === 'stop' || verb === 'restart' || (verb === 'disable' && now)) await this.stop(names);
    if (verb === 'start' || verb === 'restart' || (verb === 'enable' && now)) await this.start(names);
    if (!['enable', 'disable', 'start', 'stop', 'restart'].includes(verb ?? ''))
      throw new Error(`nobody knows how to do "systemctl ${words.join(' ')}"`);
  }

  pid(name: string): number | undefined {
    return this.running.get(name)?.child.pid;
  }

  names(): string[] {
    return [...this.running.keys()];
  }

  /** Number of the user of a unit: one for each `User=`, as with `DynamicUser`. */
  uid(name: string): number {
    const user = this.unit(name).value('User')!;
    if (!this.users.includes(user)) this.users.push(user);
    return FIRST_DYNAMIC_USER + this.users.indexOf(user);
  }

  /** What all processes of a unit printed. */
  journal(name: string): string {
    return readFileSync(join(this.root, 'journal', name), 'utf8');
  }

  /** Stops everything that still runs. */
  async stopAll(): Promise<void> {
    await this.stop(this.names());
  }

  private unit(name: string): Unit {
    return readUnit(this.root, name);
  }

  private async start(names: readonly string[]): Promise<void> {
    for (const name of names.flatMap((one) => (one === 'pushfleet.target' ? this.wanted() : [one]))) {
      if (this.foreign[name] !== undefined) await this.foreign[name].start();
      else if (!this.running.has(name)) await this.startUnit(name);
    }
  }

  private async stop(names: readonly string[]): Promise<void> {
    const all = names.flatMap((one) => (one === 'pushfleet.target' ? this.parts() : [one]));
    await Promise.all(all.map((name) => this.foreign[name]?.stop() ?? this.stopUnit(name)));
  }

  private wanted(): string[] {
    return [...this.enabled].filter((name) => name !== 'pushfleet.target');
  }

  private parts(): string[] {
    return this.names().filter((name) => this.unit(name).value('PartOf') === 'pushfleet.target');
  }

  private async startUnit(name: string): Promise<void> {
    const unit = this.unit(name);
    const uid = this.uid(name);
    const credentials = this.makeCredentials(name, unit, uid);
    const limits = ['--reuid', `${uid}`, '--regid', `${uid}`, '--clear-groups', '--no-new-privs'];
    const child = spawn(
      'setpriv',
      [...limits, '--bounding-set=-all', '--inh-caps=-all', '--', ...unit.value('ExecStart')!.split(' ')],
      { cwd: '/', env: environmentOf(unit, credentials), stdio: ['ignore', 'pipe', 'pipe'] },
    );
    const journal = join(this.root, 'journal', name);
    for (const stream of [child.stdout, child.stderr])
      stream.on('data', (chunk: Buffer) => appendFileSync(journal, chunk));
    const ended = new Promise<number | NodeJS.Signals>((resolve) => {
      child.once('close', (code, signal) => resolve(code ?? signal!));
    });
    // It ends too when this process is killed.
    const watchdog = watchOver(child.pid!);
    void ended.then(() => watchdog.dismiss());
    if (unit.value('Type') === 'oneshot') {
      const code = await ended;
      if (code !== 0) throw new Error(`Job for ${name} failed with ${code}:\n${this.journal(name)}`);
      return;
    }
    this.running.set(name, { child, unit, ended });
    void ended.then(() => this.running.delete(name));
  }

  /** As `LoadCredential` makes it: only the unit's user gets in. @throws with status 243 where a file is missing */
  private makeCredentials(name: string, unit: Unit, uid: number): string {
    const directory = join(this.root, 'run/credentials', name);
    rmSync(directory, { recursive: true, force: true });
    mkdirSync(directory);
    for (const [id, source] of unit.values('LoadCredential').map((value) => value.split(':'))) {
      try {
        writeFileSync(join(directory, id!), readFileSync(source!), { mode: 0o400 });
      } catch (error) {
        throw new Error(`${name}: 243/CREDENTIALS: ${(error as Error).message}`, { cause: error });
      }
    }
    for (const path of [...readdirSync(directory).map((id) => join(directory, id)), directory])
      chownSync(path, uid, uid);
    chmodSync(directory, 0o500);
    return directory;
  }

  private async stopUnit(name: string): Promise<void> {
    const one = this.running.get(name);
    if (one === undefined) return;
    const allowedSeconds = Number.parseInt(one.unit.value('TimeoutStopSec')!, 10);
    const since = performance.now();
    one.child.kill('SIGTERM');
    const timer = setTimeout(() => one.child.kill('SIGKILL'), allowedSeconds * 1_000);
    const ended = await one.ended;
    clearTimeout(timer);
    this.stopped.push({ unit: name, seconds: (performance.now() - since) / 1_000, allowedSeconds, ended });
  }
}
