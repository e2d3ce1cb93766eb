import { execFile } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { ensurePhp } from '@pushfleet/local-servers/ensure-php';
import { schemaMappingSchema } from '@pushfleet/shared/domain/schema-mapping';
import { insertGroup, insertNotifications, insertTokens, range, utcNow } from '../harness/backend-rows.ts';
import { runTogether } from '../harness/commands-together.ts';
import { type Block, blocksOf, shownPattern } from '../harness/document-blocks.ts';
import { deviceToken, type Fleet, startFleet } from '../harness/fleet.ts';

/**
 * Every fenced block of README and docs stands under a comment that says how it is run, or why it is not:
 *
 *   <!-- run: sql, sends -->   its statements, each with a result; "sends": it inserts one notification
 *   <!-- run: php, sends -->   with $pdo, $orderId, $tokenId and $deviceToken set
 *   <!-- run: node, sends -->  as a module, with DATABASE_URL in the environment
 *   <!-- run: library… -->     as a module; what GIVEN has stands before it. "sends 2": two notifications
 *   <!-- run: pushfleet -->    each line that begins with `npx pushfleet`; must end with 0, but before `|| true`
 *   <!-- run: mapping -->      a file of PUSHFLEET_SCHEMA_FILE: read as one
 *   <!-- run: start -->        a producer and a worker are started, which run from then on
 *   <!-- run: tests/… -->      that test runs it
 *   <!-- verify NAME: … -->    `npm run verify -- NAME` runs it
 *   <!-- output -->            what the block before it printed; `…` stands for anything
 *   <!-- drawing -->
 *   <!-- not run: why -->
 */
const RUN_HERE = [
  'leaving-the-php-loop.md',
  'backends.md',
  'sql-interface.md',
  'configuration.md',
  '../README.md',
  '../packages/producer/README.md',
];
/** Of generated text, which `generate --check` compares with the code. */
const GENERATED = ['cli.md'];
const MOST_NOT_RUN = 15;
/** How many devices a notification of a block goes to. */
const RECIPIENTS: Record<string, number> = { sql: 4, php: 1, node: 2, library: 1 };
const SHIPPED_TOKEN = '740f4707bebcf74f9b7c25d48e3358945f6aa01da5ddb387462c7eaf61bb78ad';
const POOL = `import mysql from 'mysql2/promise'; const pool = mysql.createPool('mysql://app:secret@db/shop');`;
/** What the text around a block takes for granted. */
const GIVEN: Record<string, string> = {
  'run: library': '',
  'run: library in a transaction': `${POOL}
    const connection = await pool.getConnection(); await connection.beginTransaction();
    const deviceToken = '${SHIPPED_TOKEN}';`,
  'run: library of an ORM': `${POOL} import { createProducer } from '@pushfleet/producer';
    const producer = createProducer({ mysql: pool }); const push = { message: 'x', deviceTokens: ['${SHIPPED_TOKEN}'] };
    const manager = { query: (sql, params) => pool.query(sql, params) };
    const trx = { raw: (sql, params) => pool.query(sql, params) };`,
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
      "CREATE TABLE orders (id INT PRIMARY KEY, state VARCHAR(20), shipped TINYINT NOT NULL DEFAULT 0); INSERT INTO orders (id, state) VALUES (7, 'paid'), (8, 'paid'), (1234, 'paid')",
  });
  const { database } = fleet;
  await insertTokens(database, [
    ...range(11, 15).map((id) => ({ id, deviceToken: deviceToken(id) })),
    { id: 16, deviceToken: SHIPPED_TOKEN },
  ]);
  await insertGroup(database, 3, [12]);
  await insertGroup(database, 7, [13, 14]);
  await insertNotifications(database, [
    { id: 42, tokenIds: [11, 12, 15] },
    { id: 43, tokenIds: [11], due: utcNow(3_600_000) },
    { id: 44, tokenIds: [11], due: utcNow(3_600_000) },
    { id: 45, tokenIds: [11], due: utcNow(3_600_000) },
  ]);
}, 180_000);
afterAll(() => fleet?.stop(), 60_000);

/** What it printed. */
async function runBlock({ at, marker, code }: Block): Promise<string> {
  const { database } = fleet;
  const kind = marker!.replace(/, sends.*/, '');
  switch (kind) {
    case 'run: sql':
      await database.query(code);
      return '';
    case 'run: php': {
      const { hostname, port, username, password } = new URL(database.url);
      const dsn = `mysql:host=${hostname};port=${port};dbname=${database.name};charset=utf8mb4`;
      const given = `$pdo = new PDO('${dsn}', '${username}', '${password}'); $orderId = 1234; $tokenId = 12; $deviceToken = '${deviceToken(12)}';\n`;
      return (await run(php!, ['-d', 'error_reporting=-1', '-r', given + code])).stdout;
    }
    case 'run: node':
      return runModule(code);
    case 'run: library':
    case 'run: library in a transaction':
    case 'run: library of an ORM':
      return runModule(
        `${GIVEN[kind]}\n${code}\nawait producer.close(); await pool.end();`
          .replaceAll('mysql://app:secret@db/shop', database.url)
          .replaceAll('redis://redis:6379', fleet.environment.PUSHFLEET_REDIS_URL!),
      );
    case 'run: mapping':
      schemaMappingSchema.parse(JSON.parse(code));
      return '';
    case 'run: start':
      await Promise.all([fleet.startProducer(), fleet.startWorker()]);
      // What waited is sent, so that the page can ask about it.
      await fleet.ended([42]);
      return '';
    case 'run: pushfleet': {
      const lines = code.split('\n').filter((line) => line.startsWith('npx pushfleet '));
      expect([at, lines.length]).not.toEqual([at, 0]);
      const commands = lines.map((line) => line.replace(/\s+#.*$/, '').replace('740f…', SHIPPED_TOKEN));
      const came = await runTogether(
        commands.map((command) => command.replace(' || true', '').split(' ').slice(2)),
        fleet.environment,
      );
      for (const [index, { exitCode, stderr }] of came.entries()) {
        // Here nobody has failed whom `replay` could send to again; it was understood, and says so.
        const mayFail = commands[index]!.endsWith(' || true') || stderr.includes('has nobody who is failed');
        if (!mayFail) expect([at, lines[index], exitCode, stderr]).toEqual([at, lines[index], 0, stderr]);
      }
      return came.map(({ stdout }) => stdout).join('');
    }
    default:
      throw new Error(`${at}: nobody knows how to do "${marker}"`);
  }
}

/** What it printed; it must end by itself. */
async function runModule(code: string): Promise<string> {
  const env = { ...process.env, DATABASE_URL: fleet.database.url, NODE_OPTIONS: '' };
  const args = ['--input-type=module', '-e', code];
  return (await run(process.execPath, args, { cwd: root, env, timeout: 30_000 })).stdout;
}

async function notificationIds(): Promise<number[]> {
  const rows = await fleet.database.query<{ id: number }>('SELECT id FROM notification ORDER BY id');
  return rows.map(({ id }) => id);
}

test(`every block says how it is run or why it is not; at most ${MOST_NOT_RUN} are not`, () => {
  const pages = readdirSync(docs).filter((name) => name.endsWith('.md') && !GENERATED.includes(name));
  const all = [...new Set([...pages, ...RUN_HERE])].flatMap(blocksOf);
  const unmarked = all.filter(
    ({ marker }) => !/^(run: |verify \S+: |(output|drawing)$|not run: \S)/.test(marker ?? ''),
  );
  expect(unmarked.map(({ at }) => at)).toEqual([]);
  const runHere = all.filter(({ marker }) => /^run: (?!tests\/)/.test(marker ?? ''));
  expect(runHere.filter(({ at }) => !RUN_HERE.includes(at.split(':')[0]!)).map(({ at }) => at)).toEqual([]);
  const notRun = all.filter(({ marker }) => marker?.startsWith('not run: '));
  expect(notRun.length).toBeGreaterThan(0);
  expect(notRun.length).toBeLessThanOrEqual(MOST_NOT_RUN);
});

test('the blocks run in their order, print what is shown, and what they insert is sent', async () => {
  const sent: [kind: string, id: number][] = [];
  for (const document of RUN_HERE) {
    let printed = '';
    for (const block of blocksOf(document)) {
      const marker = block.marker ?? '';
      if (/^(not run: |run: tests\/|verify |drawing$)/.test(marker)) continue;
      if (marker.startsWith('run: php') && php === null) continue;
      if (marker === 'output') {
        expect([block.at, printed]).toEqual([block.at, expect.stringMatching(shownPattern(block.code))]);
        continue;
      }
      const before = await notificationIds();
      printed = await runBlock(block).catch((error: Error) => {
        throw new Error(`${block.at}: ${error.message}`, { cause: error });
      });
      const made = (await notificationIds()).filter((id) => !before.includes(id));
      const [, kind, times] = /^run: (\w+).*?(?:, sends ?(\d*))?$/.exec(marker)!;
      expect([block.at, made.length]).toEqual([block.at, times === undefined ? 0 : Number(times || 1)]);
      for (const id of made) sent.push([kind!, id]);
    }
    await fleet.run(['resume']); // the way back in the first ends with a pause
  }
  expect(sent.length).toBeGreaterThanOrEqual(php === null ? 7 : 11);
  await fleet.ended(sent.map(([, id]) => id));
  const ended = await fleet.database.query(
    `SELECT d.notification_id AS id, d.state, d.recipients, CAST(SUM(b.accepted) AS SIGNED) AS accepted
       FROM pushfleet_dispatch d JOIN pushfleet_batch b ON b.dispatch_id = d.id
      WHERE d.notification_id IN (?) GROUP BY d.id ORDER BY d.notification_id`,
    [sent.map(([, id]) => id)],
  );
  expect(ended).toEqual(
    sent.map(([of, id]) => ({ id, state: 'done', recipients: RECIPIENTS[of], accepted: RECIPIENTS[of] })),
  );
  expect(await fleet.status(43)).toMatchObject({ state: 'cancelled' });
}, 180_000);
