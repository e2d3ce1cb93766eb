import { expect, test } from '@jest/globals';
import { adviceFor, ensureServers } from './install-servers.ts';

test('who has nothing is told what to install, and only what is missing', () => {
  expect(adviceFor(['redis', 'mysql'])).toBe(
    'Not installed: Redis and MariaDB or MySQL. Install with "sudo apt-get install --no-install-recommends ' +
      'redis-server mariadb-server-core mariadb-client-core" (Debian, Ubuntu) or "brew install redis mariadb" ' +
      '(macOS), or start Docker, and try again.',
  );
  expect(adviceFor(['redis'])).not.toMatch(/mariadb/i);
});

test('servers that nobody asked for are neither looked for nor installed', async () => {
  const said: string[] = [];
  const programs = await ensureServers({ redis: false, mysql: false }, (line) => said.push(line));
  expect(programs).toEqual({ redis: undefined, mysql: undefined });
  expect(said).toEqual([]);
});
