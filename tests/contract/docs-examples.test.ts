import { execFile } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { ensurePhp } from '@pushfleet/local-servers/ensure-php';
import { insertGroup, insertNotifications, insertTokens, range, utcNow } from '../harness/backend-rows.ts';
import { type Block, blocksOf, shownPattern } from '../harness/document-blocks.ts';
import { deviceToken, type Fleet, startFleet } from '../harness/fleet.ts';

/**
 * Every fenced block of these documents stands under a comment that says how it is run, or why it is not:
 *
 *   <!-- run: sql, sends -->   its statements, each with a result; "sends": it inserts one notification
 *   <!-- run: php, sends -->   with $pdo, $orderId and $tokenId set
 *   <!-- run: node, sends -->  as a module, with DATABASE_URL in the environment
 *   <!-- run: pushfleet -->    each line that begins with `npx pushfleet`; must end with 0, but before `|| true`
 *   <!-- run: start -->        a producer and a worker are started, which run from then on
 *   <!-- output -->            what the block before it printed; `…` stands for anything
 *   <!-- not run: why -->
 *
 * Blocks of other documents say `verify NAME: step` where `npm run verify -- NAME` runs them.
 */
const DOCUMENTS = ['leaving-the-php-loop.md', 'backends.md'];
const MOST_NOT_RUN = 15;
/** How many devices the notification of a block goes to. */
const RECIPIENTS: Record<string, number> = {
  'run: sql, sends': 4,
  'run: php, sends': 1,
  'run: node, sends': 2,
};

const docs = fileURLToPath(new URL('../../docs/', import.meta.url));
const root = fileURLToPath(new URL('../../', import.meta.url));
const run = promisify(execFile);

/** Null where there is none and none can be installed: then its block is skipped, and says so. */
const php = await ensurePhp(say).catch((error: Error) => {
  say(`SKIPPED, the PHP block: ${error.message}`);
  return null;
});

let fleet: Fleet;

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

beforeAll(async () => {
  fleet = await startFleet({
    prepare:
      "CREATE TABLE orders (id INT PRIMARY KEY, state VARCHAR(20)); INSERT INTO orders VALUES (1234, 'paid')",
  });
  const { database } = fleet;
  await insertTokens(
    database,
    range(11, 15).map((id) => ({ id, deviceToken: deviceToken(id) })),
  );
  await insertGroup(database, 7, [13, 14]);
  await insertNotifications(database, [
    { id: 42, tokenIds: [11, 12, 15] },
    { id: 43, tokenIds: [11], due: utcNow(3_600_000) },
    { id: 44, tokenIds: [11], due: utcNow(3_600_000) },
  ]);
}, 60_000);
afterAll(() => fleet?.stop(), 60_000);

/** What it printed. */
async function runBlock({ at, marker, code }: Block): Promise<string> {
  const { database } = fleet;
  switch (marker!.replace(', sends', '')) {
    case 'run: sql':
      await database.query(code);
      return '';
    case 'run: php': {
      const { hostname, port, username, password } = new URL(database.url);
      const dsn = `mysql:host=${hostname};port=${port};dbname=${database.name};charset=utf8mb4`;
      const given = `$pdo = new PDO('${dsn}', '${username}', '${password}'); $orderId = 1234; $tokenId = 12;\n`;
      return (await run(php!, ['-d', 'error_reporting=-1', '-r', given + code])).stdout;
    }
    case 'run: node': {
      const env = { ...process.env, DATABASE_URL: database.url, NODE_OPTIONS: '' };
      return (await run(process.execPath, ['--input-type=module', '-e', code], { cwd: root, env })).stdout;
    }
    case 'run: start':
      await Promise.all([fleet.startProducer(), fleet.startWorker()]);
      // What waited is sent, so that the page can ask about it.
      await fleet.ended([42]);
      return '';
    case 'run: pushfleet': {
      const lines = code.split('\n').filter((line) => line.startsWith('npx pushfleet '));
      expect([at, lines.length]).not.toEqual([at, 0]);
      let printed = '';
      for (const line of lines) {
        const [command, ...mayFail] = line.replace(/\s+#.*$/, '').split(' || true');
        const { exitCode, stdout, stderr } = await fleet.run(command!.split(' ').slice(2));
        if (mayFail.length === 0) expect([at, line, exitCode, stderr]).toEqual([at, line, 0, stderr]);
        printed += stdout;
      }
      return printed;
    }
    default:
      throw new Error(`${at}: nobody knows how to do "${marker}"`);
  }
}

async function notificationIds(): Promise<number[]> {
  const rows = await fleet.database.query<{ id: number }>('SELECT id FROM notification ORDER BY id');
  return rows.map(({ id }) => id);
}

test(`every block says how it is run or why it is not; at most ${MOST_NOT_RUN} are not`, () => {
  const unmarked = DOCUMENTS.flatMap(blocksOf).filter(
    ({ marker }) => !/^(run: |output$|not run: \S)/.test(marker ?? ''),
  );
  expect(unmarked.map(({ at }) => at)).toEqual([]);
  const all = readdirSync(docs)
    .filter((name) => name.endsWith('.md'))
    .flatMap(blocksOf);
  const notRun = all.filter(({ marker }) => marker?.startsWith('not run: '));
  expect(notRun.length).toBeGreaterThan(0);
  expect(notRun.length).toBeLessThanOrEqual(MOST_NOT_RUN);
});

test('the blocks run in their order, print what is shown, and what they insert is sent', async () => {
  const sent: [kind: string, id: number][] = [];
  for (const document of DOCUMENTS) {
    let printed = '';
    for (const block of blocksOf(document)) {
      const marker = block.marker ?? '';
      if (marker.startsWith('not run: ') || (marker.startsWith('run: php') && php === null)) continue;
      if (marker === 'output') {
        expect([block.at, printed]).toEqual([block.at, expect.stringMatching(shownPattern(block.code))]);
        continue;
      }
      const before = await notificationIds();
      printed = await runBlock(block).catch((error: Error) => {
        throw new Error(`${block.at}: ${error.message}`, { cause: error });
      });
      const made = (await notificationIds()).filter((id) => !before.includes(id));
      expect([block.at, made.length]).toEqual([block.at, marker.endsWith(', sends') ? 1 : 0]);
      for (const id of made) sent.push([marker, id]);
    }
    await fleet.run(['resume']); // the way back in the first ends with a pause
  }
  expect(sent.length).toBeGreaterThanOrEqual(php === null ? 2 : 3);
  await fleet.ended(sent.map(([, id]) => id));
  const ended = await fleet.database.query(
    `SELECT d.notification_id AS id, d.state, d.recipients, CAST(SUM(b.accepted) AS SIGNED) AS accepted
       FROM pushfleet_dispatch d JOIN pushfleet_batch b ON b.dispatch_id = d.id
      WHERE d.notification_id IN (?) GROUP BY d.id ORDER BY d.notification_id`,
    [sent.map(([, id]) => id)],
  );
  expect(ended).toEqual(
    sent.map(([at, id]) => ({ id, state: 'done', recipients: RECIPIENTS[at], accepted: RECIPIENTS[at] })),
  );
  expect(await fleet.status(43)).toMatchObject({ state: 'cancelled' });
}, 120_000);
