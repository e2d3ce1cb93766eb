import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const BINARY = fileURLToPath(new URL('../../apps/cli/bin/pushfleet.js', import.meta.url));

/** Runs a `pushfleet` command to its end. @returns {Promise<{ exitCode: number | null, output: string }>} */
export function runCommand(args, environment) {
  const child = spawn(process.execPath, [BINARY, ...args], {
    env: { PATH: process.env.PATH, HOME: process.env.HOME, NO_COLOR: '1', ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (output += chunk));
  return new Promise((resolve) => child.on('close', (exitCode) => resolve({ exitCode, output })));
}
