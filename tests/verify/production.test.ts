import { execFileSync } from 'node:child_process';
import { copyFileSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { type AlertDrill, startDrill } from '../harness/alert-drill.ts';
import { insertGroup, insertNotifications, insertTokens, range } from '../harness/backend-rows.ts';
import { deviceToken, type StatusDocument } from '../harness/fleet.ts';
import { PRODUCTION_FAULTS, WORKERS } from '../harness/production-faults.ts';
import { openProductionSite, type ProductionSite, whyNoProduction } from '../harness/production-site.ts';
import { type Prometheus, startPrometheusWith } from '../harness/prometheus.ts';
import { untilTrue } from '../harness/wait.ts';

/**
 * docs/debian.md, step by step, on a machine without systemd: the units' commands as their users with the
 * rights of deploy/grants and deploy/redis/acl.conf; a broadcast and single pushes; each alert fired by its
 * fault and cleared by its mend; every process stopped by SIGTERM; nothing lost.
 */
const RECIPIENTS = 7_000;
const PROCESSES = ['pushfleet-producer', 'pushfleet-board', ...WORKERS];
const why = whyNoProduction();
if (why !== null) say(`SKIPPED, the mini production: ${why}`);
/** After a step that failed the others have nothing to stand on. */
let failed: string | undefined;
const step = (name: string, work: () => unknown) =>
  (why === null ? test : test.skip)(
    name,
    async () => {
      if (failed !== undefined) throw new Error(`"${failed}" failed`);
      failed = name;
      await work();
      failed = undefined;
    },
    300_000,
  );

let site: ProductionSite;
let prometheus: Prometheus | undefined;
let drill: AlertDrill;

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

beforeAll(async () => {
  if (why === null) site = await openProductionSite();
}, 120_000);
afterAll(async () => {
  await prometheus?.stop();
  await site?.close();
});

step('the program is cloned, installed and built', () => site.step('program'));

step('settings, secrets, Redis, accounts and tables are made as the guide says', async () => {
  await site.step('secrets');
  site.fillIn();
  await site.step('redis');
  await site.step('accounts');
  const secrets = execFileSync('find', [join(site.root, 'etc/pushfleet'), '-type', 'f', '-perm', '/077']);
  expect(secrets.toString()).toBe('');
});

step('doctor finds no fault', async () => {
  const said = await site.step('doctor');
  expect(said.match(/no faults/g)).toHaveLength(2);
});

step('all processes run as users without any right, and serve', async () => {
  await site.shell.run(`${site.pushfleetFunction}\n${site.block('start')}`);
  expect(site.manager.names().sort()).toEqual([...PROCESSES].sort());
  const users = PROCESSES.map((name) => {
    const status = readFileSync(`/proc/${site.manager.pid(name)}/status`, 'utf8');
    expect([name, status.match(/^Cap(?:Eff|Prm|Bnd):\t0+$/gm)?.length]).toEqual([name, 3]);
    return Number(/^Uid:\t(\d+)/m.exec(status)![1]);
  });
  expect(new Set(users).size).toBe(3);
  expect(Math.min(...users)).toBeGreaterThan(60_000);
  for (const port of [site.ports.producer, site.ports.worker1, site.ports.worker2])
    await untilTrue(
      async () => (await fetch(`http://127.0.0.1:${port}/health/ready`).catch(() => undefined))?.status,
      (status) => status === 200,
    );
  const password = readFileSync(join(site.root, 'etc/pushfleet/credentials/board/board-password'), 'utf8');
  const login = Buffer.from(`pushfleet:${password.trim()}`).toString('base64');
  const board = (authorization: string) =>
    fetch(`http://127.0.0.1:${site.ports.board}/pushfleet/`, { headers: { authorization } }).catch(
      () => null,
    );
  await untilTrue(
    async () => (await board(`Basic ${login}`))?.status,
    (status) => status === 200,
  );
  expect((await board('Basic bm86bm8='))?.status).toBe(401);
});

step('a broadcast and single pushes go through, and Prometheus scrapes all of them', async () => {
  await startScraping();
  const { database } = site;
  await insertTokens(
    database,
    range(1, RECIPIENTS + 1_200).map((id) => ({ id, deviceToken: deviceToken(id) })),
  );
  await insertGroup(database, 1, range(1, RECIPIENTS));
  await insertGroup(database, 2, range(1, 500));
  await insertGroup(database, 3, range(RECIPIENTS + 1, RECIPIENTS + 1_200));
  await insertNotifications(database, [
    { id: 1, groupIds: [2] },
    ...range(2, 21).map((id) => ({ id, tokenIds: [id] })),
  ]);
  await site.ended(range(1, 21));
  expect(await site.status(1)).toMatchObject({ state: 'done', recipients: 500, accepted: 500 });
  await site.operator(`send --device-token ${deviceToken(7)} --alert Hello`);
  for (const instance of ['producer', 'worker1', 'worker2'] as const)
    await untilTrue(
      () => prometheus!.series(`up{instance="127.0.0.1:${site.ports[instance]}"} == 1`),
      (count) => count === 1,
    );
});

for (const { what, alerts, before, make, mend } of PRODUCTION_FAULTS)
  step(what, async () => {
    await before?.(site);
    await drill.fault(alerts, what, { make: () => make(site), mend: () => mend(site) });
  });

step('that were all alerts', () => {
  const rules = readFileSync(new URL('../../deploy/prometheus/pushfleet.rules.yml', import.meta.url), 'utf8');
  const all = [...rules.matchAll(/- alert: (\w+)/g)].map(([, name]) => name!);
  expect(drill.alerts().sort()).toEqual(all.sort());
});

step('an upgrade: all stop, tables, all that is enabled starts', async () => {
  await site.shell.run('systemctl stop pushfleet.target');
  await insertNotifications(site.database, [{ id: 40, groupIds: [2] }]);
  await site.shell.run('systemctl start pushfleet-migrate && systemctl start pushfleet.target');
  await site.ended([...range(30, 34), 40]);
});

step('SIGTERM stops every process in its time', async () => {
  await site.shell.run('systemctl stop pushfleet.target');
  expect(site.manager.names()).toEqual([]);
  for (const { unit, seconds, allowedSeconds, ended: how } of site.manager.stopped) {
    expect([unit, how]).toEqual([unit, 0]);
    expect(seconds).toBeLessThan(allowedSeconds);
  }
  for (const name of PROCESSES) {
    expect(site.manager.journal(name)).not.toMatch(/credential\.open|NOPERM|"level":"fatal"/);
  }
});

step('nothing is lost: status, MySQL and the simulator agree', async () => {
  const { database, simulator } = site;
  const { notifications } = JSON.parse(await site.operator('status --json --limit 100')) as {
    notifications: StatusDocument[];
  };
  for (const one of notifications) {
    const { notificationId, state, recipients, accepted, rejected, retired, cancelled, failed, expired } =
      one;
    expect([notificationId, state]).toEqual([notificationId, notificationId === '32' ? 'cancelled' : 'done']);
    expect([notificationId, accepted + rejected + retired + cancelled]).toEqual([notificationId, recipients]);
    expect([notificationId, failed, expired]).toEqual([notificationId, 0, 0]);
  }
  const sum = (name: 'accepted' | 'retired' | 'resentWithoutAnswer') =>
    notifications.reduce((total, one) => total + one[name], 0);
  const [inMysql] = await database.query<{ accepted: number }>(
    'SELECT CAST(SUM(accepted) AS SIGNED) AS accepted FROM pushfleet_batch',
  );
  const unsent = await database.query<{ id: number }>('SELECT id FROM notification WHERE sent = 0');
  const ids = new Set<string>();
  for (let at = 0; at < simulator.acceptedCount(); at += 1_000)
    for (const { apnsId } of simulator.accepted(at, 1_000)) ids.add(apnsId);
  const twice = simulator.acceptedCount() - ids.size;
  report({
    accepted: `${sum('accepted')} by status, ${inMysql!.accepted} in MySQL, ${ids.size} by the simulator`,
    'accepted twice': `${twice} of at most ${sum('resentWithoutAnswer')} that were sent again`,
    retired: sum('retired'),
  });
  expect([inMysql!.accepted, ids.size]).toEqual([sum('accepted'), sum('accepted')]);
  expect(unsent).toEqual([{ id: 32 }]); // the cancelled one: docs/lifecycle.md
  expect(twice).toBeLessThanOrEqual(sum('resentWithoutAnswer'));
  expect(notifications).toHaveLength(28);
});

/** As the guide's step 8 has it, with the ports of this run. */
async function startScraping(): Promise<void> {
  const config = site
    .block('prometheus')
    .replace(':9464', `:${site.ports.producer}`)
    .replace(':9471', `:${site.ports.worker1}`)
    .replace(':9472', `:${site.ports.worker2}`);
  const directory = join(site.root, 'etc/prometheus');
  writeFileSync(join(directory, 'prometheus.yml'), config);
  const rules = join(site.root, 'opt/pushfleet/deploy/prometheus/pushfleet.rules.yml');
  copyFileSync(rules, join(directory, 'pushfleet.rules.yml'));
  await site.shell.run('promtool check config /etc/prometheus/prometheus.yml');
  prometheus = await startPrometheusWith(config);
  drill = startDrill(prometheus);
}

/** The figures that docs/operations.md quotes. */
function report(figures: Readonly<Record<string, string | number>>): void {
  say(drill.table());
  for (const { unit, seconds, ended: how } of site.manager.stopped)
    say(`SIGTERM: ${unit} ended with ${how} in ${seconds.toFixed(1)} s`);
  for (const [name, value] of Object.entries(figures)) say(`${name}: ${value}`);
}
