import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { untilTrue } from './wait.ts';

/**
 * Containers without an engine, as far as a kernel and root can: a read-only root, a tmpfs on /tmp, secrets below
 * /run/secrets, no capabilities, no new privileges, process 1 of its own. All share one network that has loopback
 * only, so that nothing can leave this machine. No limits of memory and processors.
 */
export interface Sandbox {
  /** In the network, not in a container. */
  spawn(command: readonly string[]): ChildProcess;
  run(options: ContainerOptions): Container;
  close(): Promise<void>;
}

export interface ContainerOptions {
  /** The file system of the image. */
  readonly root: string;
  readonly command: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  /** `uid:gid` */
  readonly user: string;
  readonly workingDirectory: string;
  /** Paths in the container, and what is mounted there. */
  readonly mounts: Readonly<Record<string, string>>;
}

export interface Container {
  output(): string;
  printed(text: string, timeoutMs?: number): Promise<void>;
  /** To its process 1. */
  signal(signal: NodeJS.Signals): void;
  readonly exited: Promise<number | null>;
}

/** $1 root, $2 uid, $3 gid, $4 working directory, $5 how many mounts follow as pairs, then `NAME=value …` and a command. */
const ENTER = `
root=$1 uid=$2 gid=$3 directory=$4 mounts=$5
shift 5
mount --make-rprivate /
mount --bind "$root" "$root"
mount -t proc proc "$root/proc"
mount --rbind /dev "$root/dev"
mount -t tmpfs -o mode=1777,nosuid,nodev,noexec tmpfs "$root/tmp"
mount -t tmpfs -o mode=755 tmpfs "$root/run"
while [ "$mounts" -gt 0 ]; do
  mkdir -p "$(dirname "$root$1")"
  if [ -d "$2" ]; then mkdir -p "$root$1"; else [ -e "$root$1" ] || touch "$root$1"; fi
  mount --bind "$2" "$root$1"
  shift 2
  mounts=$((mounts - 1))
done
mount -o remount,ro,bind "$root"
exec chroot "$root" setpriv --reuid "$uid" --regid "$gid" --clear-groups --no-new-privs --inh-caps=-all --bounding-set=-all \\
  env --chdir "$directory" -i "$@"
`;

/** @param hosts names, and the loopback address of each */
export async function openSandbox(hosts: Readonly<Record<string, string>>): Promise<Sandbox> {
  const directory = mkdtempSync(join(tmpdir(), 'pushfleet-sandbox-'));
  const hostsFile = join(directory, 'hosts');
  const lines = Object.entries({ localhost: '127.0.0.1', ...hosts }).map(
    ([name, address]) => `${address} ${name}\n`,
  );
  writeFileSync(hostsFile, lines.join(''));
  const script = join(directory, 'enter.sh');
  writeFileSync(script, ENTER);
  // Nobody is asked for other names: an answer from outside would be an error here.
  const resolver = join(directory, 'resolv.conf');
  writeFileSync(resolver, '');

  const holder = spawn('unshare', ['--net', 'sh', '-c', 'ip link set lo up && exec sleep infinity'], {
    stdio: 'ignore',
  });
  const network = `/proc/${holder.pid}/ns/net`;
  await untilTrue(
    () => (existsSync(network) ? readFileSync(`/proc/${holder.pid}/cmdline`, 'utf8') : ''),
    (command) => command.startsWith('sleep'),
  );
  const children = new Set<ChildProcess>();
  const start = (command: readonly string[]) => {
    const child = spawn('nsenter', [`--net=${network}`, '--', ...command], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    children.add(child);
    child.once('close', () => children.delete(child));
    return child;
  };
  return {
    spawn: start,
    run({ root, command, environment, user, workingDirectory, mounts }) {
      const [uid, gid] = user.split(':');
      const all = Object.entries({ ...mounts, '/etc/hosts': hostsFile, '/etc/resolv.conf': resolver });
      const variables = Object.entries(environment).map(([name, value]) => `${name}=${value}`);
      const child = start([
        ...['unshare', '--mount', '--pid', '--fork', '--kill-child', 'sh', '-eu', script, root, uid!, gid!],
        ...[workingDirectory, String(all.length), ...all.flat(), ...variables, ...command],
      ]);
      return follow(child);
    },
    async close() {
      const ended = [...children].map((child) => once(child, 'close'));
      for (const child of children) child.kill('SIGKILL');
      await Promise.all(ended);
      const gone = once(holder, 'close');
      holder.kill('SIGKILL');
      await gone;
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

function follow(child: ChildProcess): Container {
  let output = '';
  for (const stream of [child.stdout!, child.stderr!])
    stream.on('data', (chunk: Buffer) => {
      output += chunk.toString();
    });
  let ended = false;
  const exited = once(child, 'close').then(([code]) => {
    ended = true;
    return code as number | null;
  });
  return {
    output: () => output,
    async printed(text, timeoutMs = 60_000) {
      await untilTrue(
        () => ended || output.includes(text),
        (so) => so,
        timeoutMs,
      ).catch(() => {});
      if (!output.includes(text)) throw new Error(`"${text}" was not printed:\n${output.slice(-6_000)}`);
    },
    signal(signal) {
      // `unshare` waits for the process that it made; that one is process 1 of the container.
      const [first] = readFileSync(`/proc/${child.pid}/task/${child.pid}/children`, 'utf8').trim().split(' ');
      process.kill(Number(first), signal);
    },
    exited,
  };
}
