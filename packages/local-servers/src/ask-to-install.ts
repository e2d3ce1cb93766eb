import { createInterface } from 'node:readline/promises';
import { MissingProgramError } from './local-server.ts';

/**
 * Says what is about to be installed and asks on a terminal (Enter means yes). Without a terminal, or in CI,
 * it goes ahead: nobody could answer. Throws MissingProgramError on a no.
 */
export async function askToInstall(sentence: string, say: (line: string) => void): Promise<void> {
  say(sentence);
  if (!process.stdin.isTTY || isCi(process.env.CI)) return;
  const terminal = createInterface({ input: process.stdin, output: process.stdout });
  try {
    const answer = await terminal.question('Go ahead? [Y/n] ');
    if (!meansYes(answer)) throw new MissingProgramError('Nothing was installed, as you wished.');
  } finally {
    terminal.close();
  }
}

/** Enter, y and yes, in any case. */
export function meansYes(answer: string): boolean {
  return ['', 'y', 'yes'].includes(answer.trim().toLowerCase());
}

function isCi(value: string | undefined): boolean {
  return value !== undefined && value !== '' && value !== 'false' && value !== '0';
}
