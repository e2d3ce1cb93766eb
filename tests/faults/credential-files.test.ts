import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  statfsSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { type Fleet, startFleet } from '../harness/fleet.ts';
import type { FleetProcess } from '../harness/fleet-process.ts';

/** Processes say at their start which file of a secret others may write or read, and how to mend it. */

const TMPFS = 0x01021994;
/** On a disk and readable by all, as /etc is; the temporary directory may be in memory. */
const disk = mkdtempSync(
  join(statfsSync(tmpdir()).type === TMPFS ? process.cwd() : tmpdir(), 'pushfleet-secrets-'),
);
let fleet: Fleet;

beforeAll(async () => {
  chmodSync(disk, 0o755);
  fleet = await startFleet();
}, 180_000);
afterAll(async () => {
  rmSync(disk, { recursive: true, force: true });
  await fleet?.stop();
}, 180_000);

function keyFile(directory: string, mode: number): string {
  mkdirSync(directory, { recursive: true });
  const path = join(directory, 'AuthKey.p8');
  copyFileSync(fleet.environment.PUSHFLEET_APNS_KEY_FILE!, path);
  chmodSync(path, mode);
  return path;
}

/** What a process said of its files. */
function warnings(from: FleetProcess): string[] {
  return from
    .output()
    .split('\n')
    .filter((line) => line.includes('"credential.open"'))
    .map((line) => {
      const { level, msg } = JSON.parse(line) as { level: string; msg: string };
      return `${level} ${msg}`;
    });
}

async function workerWith(environment: Record<string, string>): Promise<string[]> {
  const worker = await fleet.startWorker(environment);
  await worker.stop();
  return warnings(worker);
}

test('a key that only its owner may read is not worth a word', async () => {
  expect(await workerWith({ PUSHFLEET_APNS_KEY_FILE: keyFile(disk, 0o600) })).toEqual([]);
});

test('a key that others may read on a disk is warned about with the chmod that mends it, and the chmod does', async () => {
  const path = keyFile(disk, 0o644);
  expect(await workerWith({ PUSHFLEET_APNS_KEY_FILE: path })).toEqual([
    `warn PUSHFLEET_APNS_KEY_FILE: ${path} may be read by others; run: chmod o= ${path}`,
  ]);
  chmodSync(path, 0o640);
  expect(await workerWith({ PUSHFLEET_APNS_KEY_FILE: path })).toEqual([]);
});

test('a key that others may write or replace is warned about', async () => {
  const path = keyFile(disk, 0o662);
  expect(await workerWith({ PUSHFLEET_APNS_KEY_FILE: path })).toEqual([
    `warn PUSHFLEET_APNS_KEY_FILE: ${path} may be written by others; run: chmod go-w ${path}`,
  ]);
  const open = join(disk, 'open');
  const inside = keyFile(open, 0o600);
  chmodSync(open, 0o777);
  expect(await workerWith({ PUSHFLEET_APNS_KEY_FILE: inside })).toEqual([
    `warn PUSHFLEET_APNS_KEY_FILE: ${inside} may be replaced by others, who may write ${open}; run: chmod go-w ${open}`,
  ]);
});

test('behind a directory that only its owner may enter, and for systemd credentials, a mode of 0444 is none of our business', async () => {
  const closed = join(disk, 'closed');
  const behind = keyFile(closed, 0o444);
  chmodSync(closed, 0o700);
  expect(await workerWith({ PUSHFLEET_APNS_KEY_FILE: behind })).toEqual([]);
  const credentials = join(disk, 'credentials');
  const given = keyFile(credentials, 0o444);
  expect(await workerWith({ PUSHFLEET_APNS_KEY_FILE: given, CREDENTIALS_DIRECTORY: credentials })).toEqual(
    [],
  );
});

const memory = '/dev/shm';
const inMemory = existsSync(memory) && statfsSync(memory).type === TMPFS ? test : test.skip;
inMemory('in memory a key may be readable, as Kubernetes mounts it, but not writable', async () => {
  const directory = mkdtempSync(join(memory, 'pushfleet-'));
  chmodSync(directory, 0o755);
  try {
    expect(await workerWith({ PUSHFLEET_APNS_KEY_FILE: keyFile(directory, 0o444) })).toEqual([]);
    expect(await workerWith({ PUSHFLEET_APNS_KEY_FILE: keyFile(directory, 0o666) })).toHaveLength(1);
  } finally {
    rmSync(directory, { recursive: true });
  }
});

test('the producer warns of its password file, and not of files of other processes', async () => {
  const password = join(disk, 'redis password');
  // The test's Redis asks for none and takes it all the same.
  writeFileSync(password, 'unused');
  chmodSync(password, 0o644);
  const key = keyFile(disk, 0o666);
  const producer = await fleet.startProducer({
    PUSHFLEET_REDIS_PASSWORD_FILE: password,
    PUSHFLEET_APNS_KEY_FILE: key,
  });
  await producer.stop();
  expect(warnings(producer)).toEqual([
    `warn PUSHFLEET_REDIS_PASSWORD_FILE: ${password} may be read by others; run: chmod o= '${password}'`,
  ]);
});
