import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { BINARY } from '../harness/command-line.ts';

let directory: string;

beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'pushfleet-cli-'));
});
afterAll(() => rmSync(directory, { recursive: true }));

test('simulator says where it listens, writes its certificate, and stops on SIGTERM', async () => {
  const caFile = join(directory, 'ca.pem');
  const child = spawn(process.execPath, [BINARY, 'simulator', '--ca-file', caFile, '--record', 'counts'], {
    cwd: directory,
    env: { PATH: process.env.PATH },
  });
  const exited = new Promise((resolve) => child.on('close', resolve));
  const line = await new Promise<string>((resolve) =>
    child.stdout.once('data', (chunk) => resolve(String(chunk))),
  );
  expect(JSON.parse(line)).toMatchObject({
    event: 'simulator.ready',
    url: expect.stringMatching(/^https:\/\/localhost:\d+$/),
    adminUrl: expect.stringMatching(/^http:\/\/127\.0\.0\.1:\d+$/),
    caFile,
  });
  expect(readFileSync(caFile, 'utf8')).toContain('BEGIN CERTIFICATE');
  child.kill('SIGTERM');
  expect(await exited).toBe(0);
}, 180_000);
