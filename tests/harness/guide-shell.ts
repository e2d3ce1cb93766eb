import { execFile } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { belowRoot } from './below-root.ts';
import type { UnitManager } from './unit-manager.ts';

const run = promisify(execFile);

/** Runs blocks of a guide for administrators below a directory in place of `/`. */
export interface GuideShell {
  /** Paths of the guide, in a text, as they are here. */
  here(text: string): string;
  /** Runs it with bash, which ends at the first line that fails. @returns what it printed */
  run(code: string): Promise<string>;
  close(): Promise<void>;
}

/**
 * `systemctl` is the manager, `journalctl` prints what its units printed, `mysql` is root's client.
 *
 * @param mysql the client's words
 */
export async function openGuideShell(
  root: string,
  manager: UnitManager,
  mysql: readonly string[],
): Promise<GuideShell> {
  const here = (text: string) => belowRoot(root, text);
  const bin = join(root, 'bin');
  mkdirSync(bin);
  const socket = join(root, 'systemctl.sock');
  const program = (name: string, line: string) =>
    writeFileSync(join(bin, name), `#!/bin/sh\n${line}\n`, { mode: 0o755 });
  program(
    'systemctl',
    `exec curl -sS --fail-with-body --unix-socket ${socket} --data-binary "$*" http://systemd/`,
  );
  program('journalctl', `cat ${root}/journal/*`);
  program('mysql', `exec mariadb ${mysql.join(' ')} "$@"`);
  const server = await serveSystemctl(manager, socket);
  return {
    here,
    async run(code) {
      const env = { PATH: `${bin}:${process.env.PATH}`, HOME: root, LANG: 'C.UTF-8' };
      const options = { cwd: root, env, timeout: 300_000, maxBuffer: 16 * 1024 * 1024 };
      const { stdout } = await run('bash', ['-ec', here(code)], options).catch(
        (error: Error & { stdout: string; stderr: string }) => {
          throw new Error(`${error.message}\n${error.stdout.slice(-3_000)}`, { cause: error });
        },
      );
      return stdout;
    },
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

async function serveSystemctl(manager: UnitManager, socket: string): Promise<Server> {
  const server = createServer(async (request, response) => {
    let words = '';
    for await (const chunk of request) words += chunk;
    const failure = await manager.systemctl(words.split(' ')).then(
      () => undefined,
      (error: Error) => error.message,
    );
    response.writeHead(failure === undefined ? 200 : 500).end(failure ?? '');
  });
  await new Promise<void>((resolve) => server.listen(socket, resolve));
  return server;
}
