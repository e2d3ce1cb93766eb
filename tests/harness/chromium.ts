import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import { type Browser, chromium } from 'playwright-core';

const NAMES = ['chromium', 'chromium-browser', 'google-chrome-stable', 'google-chrome'];
const PLACES = [
  '/usr/bin',
  '/usr/local/bin',
  '/snap/bin',
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
  '/Applications/Chromium.app/Contents/MacOS/Chromium',
];

/**
 * Starts a real, headless Chromium that asks nothing of outside addresses by itself. The caller closes it.
 *
 * @param name that stands for this machine in its addresses
 * @throws Error saying which setting names the program, when none is found
 */
export async function openChromium(name?: string): Promise<Browser> {
  const executablePath = findChromium();
  if (executablePath === null)
    throw new Error('no Chromium found: install it, or name its program in PUSHFLEET_TEST_CHROMIUM');
  return chromium.launch({
    executablePath,
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-dev-shm-usage',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
      '--no-first-run',
      ...(name === undefined ? [] : [`--host-resolver-rules=MAP ${name} 127.0.0.1`]),
    ],
  });
}

/** PUSHFLEET_TEST_CHROMIUM, else the first found on PATH and in the usual places; null where there is none. */
export function findChromium(): string | null {
  const given = process.env.PUSHFLEET_TEST_CHROMIUM;
  if (given) return given;
  const directories = [...(process.env.PATH ?? '').split(delimiter), ...PLACES];
  const paths = directories.flatMap((directory) => [
    ...NAMES.map((name) => join(directory, name)),
    directory,
  ]);
  return paths.find(isProgram) ?? null;
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return /chrom/i.test(path.split('/').pop() ?? '');
  } catch {
    return false;
  }
}
