import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect, test } from '@jest/globals';

const SCRIPT = fileURLToPath(new URL('../../scripts/chaos.mjs', import.meta.url));

// `npm run chaos` in short; among the two every kind of fault happens.
test.each([6, 46])(
  'F4 F9 F18: chaos with seed %i: nobody lost, duplicates within their bound, all agree',
  async (seed) => {
    const { exitCode, output } = await chaos([
      '--seed',
      String(seed),
      '--seconds',
      '15',
      '--recipients',
      '5000',
    ]);
    process.stdout.write(output);
    expect({ exitCode, output }).toEqual({ exitCode: 0, output: expect.stringMatching(/\nlost +0\n/) });
  },
  120_000,
);

function chaos(args: readonly string[]): Promise<{ exitCode: number | null; output: string }> {
  const child = spawn(process.execPath, [SCRIPT, '--built', ...args], {
    env: { PATH: process.env.PATH, HOME: process.env.HOME },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (chunk: Buffer) => {
      output += chunk.toString();
    });
  return new Promise((resolve) => child.on('close', (exitCode) => resolve({ exitCode, output })));
}
