import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseEnv } from 'node:util';
import mysql from 'mysql2/promise';
import { root } from '../setup.mjs';
import { recordOnTerminal } from './recorded-terminal.mjs';

const START = { cols: 100, rows: 60 };
const BINARY = join(root, 'apps/cli/bin/pushfleet.js');
const LOGIN = { user: 'ops', password: 'a-password-for-pictures' };
/** Slow enough to be in the middle of a broadcast for as long as the pictures take. */
const RATE = 220;
/** A row of `token` whose device is in every group of these. */
const DEVICE = 40;
const BROADCASTS = [
  { message: 'Doors open at 18:00. Your seats: row 12', groups: [4] },
  { message: 'Berlin: your tram is back on its usual way', groups: [3] },
  { message: 'The summer sale ends tonight', groups: [1], broad: true },
];

/**
 * What `npm start` starts, in a directory of its own, recorded from the first line on; then more rows, and
 * a board with a login beside its own. All of it ends with `stop`.
 */
export async function startDemo(directory) {
  const terminal = recordOnTerminal(`${process.execPath} ${join(root, 'scripts/start.mjs')}`, {
    ...{ directory, files: directory, name: 'start' },
    ...START,
  });
  const stops = [
    async () => {
      terminal.interrupt();
      if ((await Promise.race([terminal.exited, sleep(30_000)])) === undefined) terminal.kill();
    },
  ];
  const stop = async () => {
    for (const one of stops.splice(0).reverse()) await one();
  };
  try {
    await until(
      'npm start is ready',
      async () => terminal.printed().includes('Ctrl-C stops everything.'),
      terminal,
    );
    const shown = terminal.size();
    const settings = parseEnv(readFileSync(join(directory, '.pushfleet/env'), 'utf8'));
    const database = await mysql.createConnection(settings.PUSHFLEET_MYSQL_URL.replace(/\?.*$/, ''));
    stops.push(() => database.end());
    const board = await startBoard(settings, directory);
    stops.push(board.stop);
    return {
      /** After `stop`. */
      frames: () => terminal.frames(shown),
      cols: START.cols,
      database,
      board: board.url,
      login: LOGIN,
      settings,
      directory,
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** Inserts rows as a backend would, the last a broadcast that is under way for a while. @returns its id, and a device token */
export async function sendMore({ database, directory }) {
  await runTool(['rate', String(RATE)], directory);
  let broadcast;
  for (const { message, groups, broad } of BROADCASTS) {
    const id = await insert(database, message, 'UTC_TIMESTAMP()', groups);
    if (broad) broadcast = id;
  }
  await insert(database, 'Good morning! Today: 21 degrees', 'UTC_TIMESTAMP() + INTERVAL 9 HOUR', [2]);
  await until('the broadcast is under way', async () => {
    const [[row]] = await database.query(
      'SELECT CAST(SUM(b.accepted) AS SIGNED) AS accepted FROM pushfleet_batch b JOIN pushfleet_dispatch d ON d.id = b.dispatch_id WHERE d.notification_id = ?',
      [broadcast],
    );
    return row.accepted > 500;
  });
  const [[{ token }]] = await database.query('SELECT token FROM token WHERE id = ?', [DEVICE]);
  return { broadcast, device: token };
}

async function insert(database, message, due, groups) {
  await database.beginTransaction();
  const [{ insertId }] = await database.query(
    `INSERT INTO notification (message, sent, notificationdate) VALUES (?, 0, ${due})`,
    [message],
  );
  for (const group of groups)
    await database.query('INSERT INTO notification_token_group VALUES (?, ?)', [insertId, group]);
  await database.commit();
  return insertId;
}

/** One command of ours on a terminal. @returns what stood there at its end */
export async function commandOnTerminal(args, { directory, cols, rows }) {
  const name = args.join('-');
  const command = [process.execPath, BINARY, ...args].join(' ');
  const terminal = recordOnTerminal(command, { directory, files: directory, name, cols, rows });
  if ((await terminal.exited) !== 0) throw new Error(`pushfleet ${args.join(' ')}: ${terminal.printed()}`);
  return (await terminal.frames()).at(-1);
}

async function runTool(args, directory) {
  await commandOnTerminal(args, { directory, cols: 100, rows: 30 });
}

/** The board as people run it: with a login, writable, and showing payloads. */
async function startBoard(settings, directory) {
  const { findFreePort } = await import('@pushfleet/local-servers/free-port');
  const port = await findFreePort();
  let said = '';
  const child = spawn(process.execPath, [BINARY, 'board'], {
    cwd: directory,
    env: {
      PATH: process.env.PATH,
      HOME: process.env.HOME,
      ...settings,
      PUSHFLEET_BOARD_PORT: String(port),
      PUSHFLEET_HTTP_PORT: '0',
      PUSHFLEET_BOARD_USER: LOGIN.user,
      PUSHFLEET_BOARD_PASSWORD: LOGIN.password,
      PUSHFLEET_BOARD_WRITABLE: 'true',
      PUSHFLEET_BOARD_SHOW_PAYLOAD: 'true',
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (chunk) => {
      said += chunk;
    });
  const exited = new Promise((resolve) => child.once('close', resolve));
  const stop = async () => {
    child.kill('SIGTERM');
    const insist = setTimeout(() => child.kill('SIGKILL'), 15_000);
    await exited;
    clearTimeout(insist);
  };
  const url = `http://127.0.0.1:${port}`;
  try {
    await until('the board answers', async () => (await fetch(`${url}/login`)).ok);
  } catch (error) {
    await stop();
    throw new Error(`${error.message}\n${said}`);
  }
  return { url, stop };
}

/** @throws Error after a minute, or when the terminal has ended */
export async function until(what, holds, terminal) {
  let ended = false;
  void terminal?.exited.then(() => {
    ended = true;
  });
  const limit = Date.now() + 60_000;
  for (;;) {
    if (await Promise.resolve(holds()).catch(() => false)) return;
    if (ended || Date.now() > limit)
      throw new Error(
        `${ended ? 'it has ended, before' : 'not within a minute'}: ${what}${terminal ? `\n${terminal.printed()}` : ''}`,
      );
    await sleep(100);
  }
}
