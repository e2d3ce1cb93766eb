import { existsSync } from 'node:fs';
import { aptInstall, aptUsable } from './apt.ts';
import { askToInstall } from './ask-to-install.ts';
import { dockerAnswers } from './docker.ts';
import { findExecutable } from './find-executable.ts';
import { findMysql, findRedis, type MysqlProgram, type RedisProgram } from './find-servers.ts';
import { MissingProgramError } from './local-server.ts';
import { runCommand } from './run-command.ts';

/** The servers that a start needs; those that are configured elsewhere are not asked for. */
export interface ServerWish {
  readonly redis: boolean;
  readonly mysql: boolean;
}

export interface ServerPrograms {
  readonly redis: RedisProgram | undefined;
  readonly mysql: MysqlProgram | undefined;
}

/** Where a missing server can come from. */
export type Source = 'homebrew' | 'apt' | 'docker' | 'nowhere';

const IMAGES = { redis: 'redis:7', mysql: 'mariadb:11.4' } as const;
const FORMULAS = { redis: 'redis', mysql: 'mariadb' } as const;
/** MariaDB's core packages are the server without a service; mariadb-install-db needs a tool of the client's. */
const APT_PACKAGES = {
  redis: ['redis-server'],
  mysql: ['mariadb-server-core', 'mariadb-client-core'],
} as const;
/** Releases before Debian 12 and Ubuntu 24.04 have core packages with the version in the name. */
const OLDER_APT_PACKAGES = { redis: ['redis-server'], mysql: ['mariadb-server'] } as const;

type Kind = 'redis' | 'mysql';

/**
 * Finds the servers, and installs those that are missing: with Homebrew, as root with apt, or else runs them
 * in Docker. `say` gets one line for each thing done. Throws MissingProgramError that says what to install.
 */
export async function ensureServers(wish: ServerWish, say: (line: string) => void): Promise<ServerPrograms> {
  const missing = missingServers(wish);
  const source = missing.length > 0 ? chooseSource() : 'nowhere';
  if (source === 'homebrew') await installWithHomebrew(missing, say);
  if (source === 'apt') await installWithApt(missing, say);
  if (source === 'docker') say(`Not installed: ${namesOf(missing)}; Docker runs them.`);

  const inDocker = (kind: Kind) =>
    source === 'docker' ? ({ kind: 'docker', image: IMAGES[kind] } as const) : undefined;
  const programs = {
    redis: wish.redis ? (findRedis() ?? inDocker('redis')) : undefined,
    mysql: wish.mysql ? (findMysql() ?? inDocker('mysql')) : undefined,
  };
  const without = (['redis', 'mysql'] as const).filter((kind) => wish[kind] && !programs[kind]);
  if (without.length > 0) throw new MissingProgramError(adviceFor(without));
  return programs;
}

function missingServers(wish: ServerWish): Kind[] {
  return [
    ...(wish.redis && !findRedis() ? (['redis'] as const) : []),
    ...(wish.mysql && !findMysql() ? (['mysql'] as const) : []),
  ];
}

function chooseSource(): Source {
  // Homebrew refuses to run as root.
  if (process.getuid?.() !== 0 && findExecutable(['brew'])) return 'homebrew';
  if (aptUsable()) return 'apt';
  return dockerAnswers() ? 'docker' : 'nowhere';
}

async function installWithHomebrew(missing: readonly Kind[], say: (line: string) => void): Promise<void> {
  const formulas = missing.map((kind) => FORMULAS[kind]);
  await askToInstall(
    `Not installed: ${namesOf(missing)}. Installing with Homebrew: ${formulas.join(', ')}.`,
    say,
  );
  const { code, output } = await runCommand(findExecutable(['brew'])!, ['install', ...formulas]);
  if (code !== 0)
    throw new MissingProgramError(`brew install ${formulas.join(' ')} failed:\n${output.slice(-1_500)}`);
}

async function installWithApt(missing: readonly Kind[], say: (line: string) => void): Promise<void> {
  const packages = missing.flatMap((kind) => APT_PACKAGES[kind]);
  const older = missing.flatMap((kind) => OLDER_APT_PACKAGES[kind]);
  await askToInstall(
    `Not installed: ${namesOf(missing)}. Installing with apt-get, starting no service: ${packages.join(', ')}.`,
    say,
  );
  await aptInstall([packages, older]);
  await keepServicesOff(missing);
}

/** Where systemd runs, a package also enables its service, which would then start with the machine. */
async function keepServicesOff(installed: readonly Kind[]): Promise<void> {
  if (!existsSync('/run/systemd/system')) return;
  const units = { redis: 'redis-server.service', mysql: 'mariadb.service' };
  for (const kind of installed) await runCommand('systemctl', ['disable', '--now', units[kind]]);
}

/** What a person must do when we can do nothing. Pure. */
export function adviceFor(missing: readonly Kind[]): string {
  const packages = missing.flatMap((kind) => APT_PACKAGES[kind]).join(' ');
  const formulas = missing.map((kind) => FORMULAS[kind]).join(' ');
  return (
    `Not installed: ${namesOf(missing)}. Install with "sudo apt-get install --no-install-recommends ${packages}" ` +
    `(Debian, Ubuntu) or "brew install ${formulas}" (macOS), or start Docker, and try again.`
  );
}

function namesOf(kinds: readonly Kind[]): string {
  return kinds.map((kind) => ({ redis: 'Redis', mysql: 'MariaDB or MySQL' })[kind]).join(' and ');
}
