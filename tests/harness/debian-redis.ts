import { execFileSync } from 'node:child_process';
import { chownSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Child, startChild } from '@pushfleet/local-servers/child-process';
import { pingRedis } from '@pushfleet/local-servers/redis-ping';
import type { ForeignUnit } from './unit-manager.ts';
import { untilTrue } from './wait.ts';

/** Debian's redis-server with Debian's file of settings, on a port and in directories of its own below `root`. */
export function debianRedis(root: string, port: number): ForeignUnit {
  const file = join(root, 'etc/redis/redis.conf');
  const data = join(root, 'var/redis');
  const [uid, gid] = ['-u', '-g'].map((flag) =>
    Number(execFileSync('id', [flag, 'redis'], { encoding: 'utf8' })),
  );
  const debians = readFileSync('/etc/redis/redis.conf', 'utf8');
  writeFileSync(
    file,
    `${debians}\nport ${port}\nbind 127.0.0.1\ndir ${data}\nlogfile ""\npidfile ${data}/redis.pid\n`,
  );
  for (const path of [join(root, 'etc/redis'), file, data]) chownSync(path, uid!, gid!);
  let child: Child | undefined;
  return {
    async start() {
      const user = ['--reuid', `${uid}`, '--regid', `${gid}`, '--clear-groups', '--'];
      child = await startChild({
        name: 'Redis',
        command: 'setpriv',
        args: [...user, 'redis-server', file, '--supervised', 'no', '--daemonize', 'no'],
        cwd: data,
        logFile: join(root, 'redis.log'),
        pidFile: join(root, 'redis.pid'),
      });
      // Without a login it says NOAUTH, and that is an answer.
      await untilTrue(
        () =>
          pingRedis(port).then(
            () => child!.running(),
            () => false,
          ),
        (answers) => answers,
      );
    },
    async stop() {
      await child?.stop();
      child = undefined;
    },
  };
}
