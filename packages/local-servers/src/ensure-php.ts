import { aptInstall, aptUsable } from './apt.ts';
import { askToInstall } from './ask-to-install.ts';
import { findExecutable } from './find-executable.ts';
import { MissingProgramError } from './local-server.ts';
import { runCommand } from './run-command.ts';

/**
 * PHP with its MySQL driver, for tests of what a PHP backend does; installed as root with apt where it is missing.
 * @throws MissingProgramError that says what to do
 */
export async function ensurePhp(say: (line: string) => void): Promise<string> {
  const found = await findPhp();
  if (found !== undefined) return found;
  if (!aptUsable())
    throw new MissingProgramError(
      'Tests of PHP backends need PHP with pdo_mysql; install it (Debian: php-cli php-mysql, Homebrew: php)',
    );
  await askToInstall(
    'Not installed: PHP, for tests of PHP backends. Installing with apt-get: php-cli, php-mysql.',
    say,
  );
  await aptInstall([['php-cli', 'php-mysql']]);
  const installed = await findPhp();
  if (installed === undefined)
    throw new MissingProgramError(
      'apt-get installed php-cli and php-mysql, but there is no PHP with pdo_mysql here',
    );
  return installed;
}

async function findPhp(): Promise<string | undefined> {
  const path = findExecutable(['php']);
  if (path === undefined) return undefined;
  const { code, output } = await runCommand(path, [
    '-r',
    'echo extension_loaded("pdo_mysql") ? "yes" : "no";',
  ]);
  return code === 0 && output.trim() === 'yes' ? path : undefined;
}
