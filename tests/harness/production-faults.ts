import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { makeServerCertificate } from '@pushfleet/apns-simulator/certificate';
import { insertNotifications, range, utcNow } from './backend-rows.ts';
import type { ProductionSite } from './production-site.ts';

export const WORKERS = ['pushfleet-worker@1', 'pushfleet-worker@2'];

/** One fault of a production, the alerts that tell it, and what mends it. */
export interface ProductionFault {
  readonly what: string;
  readonly alerts: readonly string[];
  /** What is waited for first. */
  before?(site: ProductionSite): Promise<unknown>;
  make(site: ProductionSite): Promise<unknown>;
  /** As docs/operations.md says. */
  mend(site: ProductionSite): Promise<unknown>;
}

const JOIN_TABLE = "SELECT ON notification_token TO 'pushfleet_producer'@'127.0.0.1'";

/** In an order: the broadcast that the first leaves is what the workers of the second miss. */
export const PRODUCTION_FAULTS: readonly ProductionFault[] = [
  {
    what: 'a third of an audience is dead',
    alerts: ['PushfleetUnusual410Share'],
    async make({ simulator, database }) {
      simulator.script(
        range(0, 4)
          .map((digit) => `device ${digit}* answer 410 Unregistered`)
          .join('\n'),
      );
      await insertNotifications(database, [{ id: 30, groupIds: [3] }]);
    },
    // Nothing to mend but the audience: the share falls with the next broadcast.
    async mend({ simulator, database, ended }) {
      simulator.script('device * accept');
      await ended([30]);
      await insertNotifications(database, [{ id: 31, groupIds: [1] }]);
    },
  },
  {
    what: 'both workers stopped during a broadcast',
    alerts: [
      'PushfleetNoWorker',
      'PushfleetWorkerDown',
      'PushfleetNoConsumption',
      'PushfleetBacklogNotFalling',
    ],
    make: ({ shell }) => shell.run(`systemctl stop ${WORKERS.join(' ')}`),
    async mend({ shell }) {
      await shell.run(`systemctl start ${WORKERS.join(' ')}`);
    },
  },
  certificateEnding(29, 'PushfleetCredentialExpires30Days'),
  certificateEnding(3, 'PushfleetCredentialExpires7Days'),
  certificateEnding(0.5, 'PushfleetCredentialExpires1Day'),
  {
    what: 'APNs calls all device tokens bad',
    alerts: ['PushfleetHeldNotification'],
    // The broadcast, or its device tokens would be called bad too.
    before: ({ ended }) => ended([31]),
    async make({ simulator, database }) {
      simulator.script('device * answer 400 BadDeviceToken');
      await insertNotifications(database, [{ id: 32, groupIds: [2] }]);
    },
    async mend({ simulator, operator }) {
      simulator.script('device * accept');
      await operator('cancel 32');
    },
  },
  {
    what: "another team's key at both workers",
    alerts: ['PushfleetBreakerOpen'],
    async make({ putKey, shell, database }) {
      putKey(false);
      await shell.run(`systemctl restart ${WORKERS.join(' ')}`);
      await insertNotifications(database, [{ id: 33, groupIds: [2] }]);
    },
    async mend({ putKey, shell, operator }) {
      putKey(true);
      await shell.run(`systemctl restart ${WORKERS.join(' ')}`);
      await operator('resume');
    },
  },
  {
    what: 'the producer may not read a join table',
    alerts: ['PushfleetOldestDueRow'],
    async make({ database }) {
      await database.query(`REVOKE ${JOIN_TABLE.replace(' TO ', ' FROM ')}`);
      await insertNotifications(database, [{ id: 34, tokenIds: [34], due: utcNow(-120_000) }]);
    },
    mend: ({ database }) => database.query(`GRANT ${JOIN_TABLE}`),
  },
  {
    what: '`maxmemory` just above what Redis uses',
    alerts: ['PushfleetRedisNearItsLimit'],
    async make({ redisCli }) {
      const used = /used_memory:(\d+)/.exec(await redisCli('INFO memory'))![1];
      await redisCli(`CONFIG SET maxmemory ${Math.round(Number(used) * 1.15)}`);
    },
    mend: ({ redisCli }) => redisCli('CONFIG SET maxmemory 0'),
  },
  {
    what: 'Redis stopped',
    alerts: ['PushfleetServerAway'],
    make: ({ shell }) => shell.run('systemctl stop redis-server'),
    mend: ({ shell }) => shell.run('systemctl start redis-server'),
  },
  {
    what: 'the producer stopped',
    alerts: ['PushfleetProducerDown'],
    make: ({ shell }) => shell.run('systemctl stop pushfleet-producer'),
    mend: ({ shell }) => shell.run('systemctl start pushfleet-producer'),
  },
];

/** At the second worker, by the guide's drop-in. */
function certificateEnding(days: number, alert: string): ProductionFault {
  const dropIns = ({ root }: ProductionSite) => join(root, 'etc/systemd/system/pushfleet-worker@2.service.d');
  return {
    what: `a worker's certificate ends in ${days} days`,
    alerts: [alert],
    async make(site) {
      const { certificatePem, privateKeyPem } = await makeServerCertificate([], days);
      const path = join(site.root, 'etc/pushfleet/credentials/worker/apns-cert.pem');
      writeFileSync(path, certificatePem + privateKeyPem, { mode: 0o600 });
      mkdirSync(dropIns(site), { recursive: true });
      writeFileSync(join(dropIns(site), 'override.conf'), site.block('certificate'));
      await site.shell.run('systemctl restart pushfleet-worker@2');
    },
    async mend(site) {
      rmSync(dropIns(site), { recursive: true });
      await site.shell.run('systemctl restart pushfleet-worker@2');
    },
  };
}
