import { afterAll, beforeAll, expect, test } from '@jest/globals';
import {
  insertGroup,
  insertNotifications,
  insertTokens,
  type NotificationRow,
} from '../harness/backend-rows.ts';
import { deviceToken, type Fleet, startFleet } from '../harness/fleet.ts';
import type { FleetProcess } from '../harness/fleet-process.ts';
import { untilTrue } from '../harness/wait.ts';

/**
 * F37: rows that somebody made to do harm, or that are broken. Each is sent as it is or ends with a reason;
 * the tables stay, the processes stay, and a plain row beside each goes out.
 */
const BOMB = "'); DROP TABLE token; DROP TABLE pushfleet_batch; --";
const nested = (depth: number) => `${'{"a":'.repeat(depth)}1${'}'.repeat(depth)}`;
const list = (depth: number) => '['.repeat(depth) + ']'.repeat(depth);
let fleet: Fleet;
let producer: FleetProcess;
let worker: FleetProcess;

beforeAll(async () => {
  fleet = await startFleet();
  await fleet.database.query('ALTER TABLE token MODIFY token VARBINARY(4000) NULL');
  producer = await fleet.startProducer({ PUSHFLEET_POLL_INTERVAL_MS: '100' });
  worker = await fleet.startWorker();
}, 180_000);
afterAll(() => fleet?.stop(), 60_000);

type Wanted = { readonly alert?: unknown; readonly invalid?: RegExp };
/** What the row holds, and either what APNs gets or why it is not sent. */
const ROWS: [name: string, row: Omit<NotificationRow, 'id'>, wanted: Wanted][] = [
  ['SQL in the message', { message: BOMB }, { alert: BOMB }],
  [
    'quotes, backslashes, template and format marks',
    { message: `\\'"\`\${process.exit(1)}{{7*7}}%s%n\\u0000` },
    { alert: `\\'"\`\${process.exit(1)}{{7*7}}%s%n\\u0000` },
  ],
  [
    'control characters and NUL bytes',
    { message: 'a\u0000b\u0001\u0007\u001b[31m\r\n\tc\u007f' },
    { alert: 'a\u0000b\u0001\u0007\u001b[31m\r\n\tc\u007f' },
  ],
  ['emoji, joined and with skin colours', { message: '👩🏽‍🚀🇩🇪 ok' }, { alert: '👩🏽‍🚀🇩🇪 ok' }],
  [
    'right-to-left and direction overrides',
    { message: 'שלום \u202Egnp.exe\u202C مرحبا' },
    { alert: 'שלום \u202Egnp.exe\u202C مرحبا' },
  ],
  ['line and paragraph separators', { message: 'a\u2028b\u2029c' }, { alert: 'a\u2028b\u2029c' }],
  ['HTML', { message: '<script>fetch("/x")</script>' }, { alert: '<script>fetch("/x")</script>' }],
  [
    'a key named __proto__ in the options',
    { message: 'ok', options: '{"__proto__": {"title": "polluted"}}' },
    { invalid: /__proto__|unrecognized/i },
  ],
  [
    'prototype keys in the payload',
    {
      message: 'ok',
      options: '{"payload": {"__proto__": {"polluted": 1}, "constructor": {"prototype": {"polluted": 1}}}}',
    },
    { alert: 'ok' },
  ],
  [
    'a toJSON and a toString in the payload',
    { message: 'ok', options: '{"payload": {"toJSON": "x", "toString": 1, "valueOf": null}}' },
    { alert: 'ok' },
  ],
  [
    'nesting of 100 levels',
    { message: 'ok', options: `{"payload": {"x": ${nested(100)}}}` },
    { alert: 'ok' },
  ],
  [
    'nesting of 10,000 levels',
    { message: 'ok', options: `{"payload": {"x": ${nested(10_000)}}}` },
    { invalid: /payload|options|bytes/ },
  ],
  [
    'lists of 30,000 levels',
    { message: 'ok', options: `{"payload": {"x": ${list(30_000)}}}` },
    { invalid: /payload|options|bytes/ },
  ],
  ['options that are no object', { message: 'ok', options: '[1]' }, { invalid: /no object/ }],
  ['options that are null', { message: 'ok', options: 'null' }, { invalid: /no object/ }],
  ['a number beyond all numbers', { message: 'ok', options: '{"badge": 1e999}' }, { invalid: /badge/ }],
  ['a badge below zero', { message: 'ok', options: '{"badge": -1}' }, { invalid: /badge/ }],
  [
    'an expiry in the year 275760',
    { message: 'ok', options: '{"expiry": 8640000000000}' },
    { invalid: /expiry/ },
  ],
  [
    'line breaks in a header',
    { message: 'ok', options: { collapseId: 'a\r\napns-priority: 1' } },
    { invalid: /collapse/i },
  ],
  [
    'a lone surrogate',
    { message: 'ok', options: '{"title": "\\ud800"}' },
    { alert: expect.objectContaining({ body: 'ok' }) },
  ],
  ['an app that is SQL', { message: 'ok', options: { app: BOMB } }, { invalid: /not configured/ }],
  [
    'a topic of another app',
    { message: 'ok', options: { topic: 'com.example.elsewhere' } },
    { invalid: /topic|app/ },
  ],
  [
    'options of a megabyte',
    { message: 'ok', options: { title: 'x'.repeat(1_000_000) } },
    { invalid: /65,536|bytes/ },
  ],
  ['a message of 10 MB', { message: 'x'.repeat(10_000_000) }, { invalid: /bytes/ }],
  [
    'a payload that is its own aps',
    { message: 'ok', options: '{"payload": {"aps": {"alert": "mine", "__proto__": 1}}}' },
    { alert: 'mine' },
  ],
];

test('each hostile notification is sent as it is or ends with a reason, and the plain one beside it goes out', async () => {
  const { database, simulator } = fleet;
  await insertTokens(database, [{ id: 1, deviceToken: deviceToken(1) }]);
  for (const [i, [, row]] of ROWS.entries())
    await insertNotifications(database, [
      { id: 2 * i + 1, tokenIds: [1], ...row },
      { id: 2 * i + 2, message: `plain ${i}`, tokenIds: [1] },
    ]);
  await fleet.ended(ROWS.flatMap((_, i) => [2 * i + 1, 2 * i + 2]));

  const alertOf = new Map<string, unknown>();
  const dispatches = await database.query<{ id: number; notification: string }>(
    'SELECT id, notification_id AS notification FROM pushfleet_dispatch',
  );
  const notificationOf = new Map(
    dispatches.map(({ id, notification }) => [String(id), String(notification)]),
  );
  for (const { payload, collapseId } of simulator.accepted()) {
    const dispatch = collapseId.split('-').at(-1)!;
    alertOf.set(notificationOf.get(dispatch) ?? `unknown ${dispatch}`, JSON.parse(payload).aps.alert);
  }
  for (const [i, [name, , { alert, invalid }]] of ROWS.entries()) {
    const id = 2 * i + 1;
    const { state, error } = await fleet.status(id);
    if (invalid !== undefined)
      expect([name, state, error]).toEqual([name, 'invalid', expect.stringMatching(invalid)]);
    else expect([name, state, alertOf.get(String(id))]).toEqual([name, 'done', alert]);
    expect([name, alertOf.get(String(id + 1))]).toEqual([name, `plain ${i}`]);
  }
  expect(({} as { polluted?: unknown }).polluted).toBeUndefined();
}, 180_000);

test('hostile device tokens, groups and ids are sent to, rejected or passed over; the good ones get theirs', async () => {
  const { database, simulator } = fleet;
  simulator.reset();
  const strange: (string | Buffer | null)[] = [
    BOMB,
    `${deviceToken(900)}' OR '1'='1`,
    '../../admin',
    `${deviceToken(901)}\r\napns-topic: com.example.other`,
    '\u0000'.repeat(32),
    `${deviceToken(902)}\u0000`,
    '𝟎'.repeat(64),
    '٠'.repeat(64),
    Buffer.from([0xff, 0xfe, 0xc0, 0x80, 0xed, 0xa0, 0x80]),
    Buffer.alloc(64, 0xff),
    'a'.repeat(4_000),
    '%s'.repeat(32),
    '{}',
    null,
  ];
  await insertTokens(
    database,
    strange.map((one, i) => ({ id: 900 + i, deviceToken: one as string })),
  );
  const extremes = [2_147_483_646, 2_147_483_647];
  await insertTokens(
    database,
    extremes.map((id) => ({ id, deviceToken: deviceToken(id) })),
  );
  await database.query('INSERT INTO token_group (id, name) VALUES (?, ?)', [901, BOMB]);
  await database.query('INSERT INTO token_group (id, name) VALUES (?, ?)', [
    902,
    '__proto__\u0000\u202E👩🏽‍🚀',
  ]);
  await insertGroup(database, 903, [1, ...extremes]);
  for (const group of [901, 902])
    await database.query('INSERT INTO token_group_token (token_group_id, token_id) VALUES ?', [
      strange.map((_, i) => [group, 900 + i]),
    ]);
  await insertNotifications(database, [
    { id: 2_147_483_647, tokenIds: [1], groupIds: [901, 902, 903] },
    { id: 1_000, message: 'plain', tokenIds: [1] },
  ]);
  await fleet.ended([2_147_483_647, 1_000]);
  expect(await fleet.status(2_147_483_647)).toMatchObject({
    state: 'done',
    recipients: strange.length + 3,
    accepted: 3,
    rejected: strange.length,
    reasons: { MalformedDeviceToken: strange.length },
  });
  expect(new Set(simulator.accepted().map((push) => push.deviceToken))).toEqual(
    new Set([deviceToken(1), ...extremes.map(deviceToken)]),
  );
}, 180_000);

test('hostile commands and arguments of the command line are refused, and change nothing', async () => {
  const { database } = fleet;
  const commands: [verb: string, text: string][] = [
    ['cancel', `{"notificationId": "${BOMB.replaceAll('"', '')}"}`],
    ['cancel', '{"notificationId": {"$ne": null}}'],
    ['cancel', nested(5_000)],
    ['pause', `{"app": "${BOMB}"}`],
    ['__proto__', '{}'],
    ['rate', '{"app": "default", "perSecond": 1e99}'],
    ['restoreDevices', '{"tokenIds": ["1 OR 1=1", "0x01", "__proto__"]}'],
    ['pause', 'not json \u0000'],
  ];
  for (const [verb, text] of commands)
    await database.query(
      'INSERT INTO pushfleet_command (verb, arguments, requested_by, requested_at) VALUES (?, ?, ?, UTC_TIMESTAMP(3))',
      [verb, text, BOMB],
    );
  await untilTrue(
    () => database.query('SELECT id FROM pushfleet_command WHERE succeeded IS NULL'),
    (open) => open.length === 0,
  );
  expect(await database.query('SELECT verb, succeeded FROM pushfleet_command ORDER BY id')).toEqual(
    commands.map(([verb]) => ({ verb, succeeded: 0 })),
  );

  for (const args of [
    ['status', BOMB],
    ['explain', '1 OR 1=1'],
    ['cancel', "1'; --"],
    ['explain', '1', '--device-token', BOMB],
    ['rate', BOMB, '5'],
    ['devices', 'restore', '1 OR 1=1'],
  ]) {
    const { exitCode, stdout, stderr } = await fleet.run(args);
    expect([args, exitCode === 1 || exitCode === 2, stdout]).toEqual([args, true, '']);
    expect([args, stderr]).not.toEqual([
      args,
      expect.stringMatching(/You have an error in your SQL|^\s+at /m),
    ]);
  }
}, 180_000);

test('afterwards all tables and processes are there, nobody crashed, and work goes on', async () => {
  const { database, simulator } = fleet;
  simulator.reset();
  await insertNotifications(database, [{ id: 5_000, message: 'still here', tokenIds: [1] }]);
  await fleet.ended([5_000]);
  expect(simulator.accepted()).toHaveLength(1);
  for (const { output } of [producer, worker])
    expect(output()).not.toMatch(/process\.crashed|loop\.failed|job\.crashed|planning\.failed/);
  expect([producer.child.exitCode, worker.child.exitCode]).toEqual([null, null]);
  const [{ tables }] = (await database.query(
    'SELECT COUNT(*) AS tables FROM information_schema.tables WHERE table_schema = ?',
    [database.name],
  )) as [{ tables: number }];
  expect(tables).toBe(6 + 8);
});
