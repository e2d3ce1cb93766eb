import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import { chromium } from 'playwright-core';

const NAMES = ['chromium', 'chromium-browser', 'google-chrome-stable', 'google-chrome'];
const OF_MACS = '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome';

/**
 * A headless Chromium, which draws the diagrams. The caller closes it.
 *
 * @throws Error where there is none: diagrams are never left out
 */
export async function openChromium() {
  const given = process.env.PUSHFLEET_TEST_CHROMIUM;
  if (given && !isProgram(given)) throw new Error(`PUSHFLEET_TEST_CHROMIUM is ${given}, which is no program`);
  const executablePath = given || findChromium();
  if (executablePath === null)
    throw new Error(
      'no Chromium found, and the diagrams are drawn in one: install it (apt-get install chromium), or name its program in PUSHFLEET_TEST_CHROMIUM',
    );
  return chromium.launch({
    executablePath,
    args: ['--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage', '--disable-background-networking'],
  });
}

function findChromium() {
  const directories = [...(process.env.PATH ?? '').split(delimiter), '/usr/bin', '/usr/local/bin'];
  const paths = directories.flatMap((directory) => NAMES.map((name) => join(directory, name)));
  return [...paths, OF_MACS].find(isProgram) ?? null;
}

function isProgram(path) {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
