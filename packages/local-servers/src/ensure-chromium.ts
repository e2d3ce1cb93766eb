import { aptInstall, aptUsable } from './apt.ts';
import { askToInstall } from './ask-to-install.ts';
import { findExecutable, isExecutable, searchDirectories } from './find-executable.ts';
import { MissingProgramError } from './local-server.ts';

const NAMES = ['chromium', 'chromium-browser', 'google-chrome-stable', 'google-chrome', 'chrome'] as const;
const MAC_BROWSERS = ['Google Chrome', 'Chromium'].map(
  (name) => `/Applications/${name}.app/Contents/MacOS/${name}`,
);

/** The browser for tests: the one that is given (`PUSHFLEET_TEST_CHROMIUM`), else Chromium or Chrome found here. */
export function findChromium(given?: string, directories = searchDirectories()): string | undefined {
  if (given) return isExecutable(given) ? given : undefined;
  return findExecutable(NAMES, directories) ?? MAC_BROWSERS.find(isExecutable);
}

/** As `findChromium`, but installs it as root with apt. Throws MissingProgramError that says what to do. */
export async function ensureChromium(
  given: string | undefined,
  say: (line: string) => void,
): Promise<string> {
  const found = findChromium(given);
  if (found) return found;
  if (given)
    throw new MissingProgramError(`PUSHFLEET_TEST_CHROMIUM is ${given}, which is not an executable file`);
  if (!aptUsable()) {
    throw new MissingProgramError(
      'Browser tests need Chromium or Chrome; install one, or set PUSHFLEET_TEST_CHROMIUM',
    );
  }
  await askToInstall('Not installed: Chromium, for browser tests. Installing with apt-get: chromium.', say);
  await aptInstall([['chromium'], ['chromium-browser']]);
  const installed = findChromium();
  if (!installed)
    throw new MissingProgramError('apt-get installed chromium, but no such program is on this machine');
  return installed;
}
