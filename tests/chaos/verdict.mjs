import { setTimeout as sleep } from 'node:timers/promises';
import { apnsId } from '@pushfleet/shared/domain/apns-id';
import { decodeRecipients } from '@pushfleet/shared/domain/recipient-list';

/** Bytes of outcomes, by name. */
const OUTCOMES = ['waiting', 'failed', 'cancelled', 'expired', 'rejected', 'retired', 'accepted'];
const ACCEPTED = OUTCOMES.indexOf('accepted');
const FAULTS_NAMED = 20;

/** Waits until every notification has ended. @returns {Promise<boolean>} false when it took too long */
export async function allEnded(installation, notifications, withinMs) {
  const until = Date.now() + withinMs;
  for (;;) {
    const [{ ended }] = await installation.rows(
      'SELECT COUNT(DISTINCT notification_id) AS ended FROM pushfleet_dispatch WHERE finished_at IS NOT NULL',
    );
    if (Number(ended) === notifications.length) return true;
    if (Date.now() > until) return false;
    await sleep(200);
  }
}

/**
 * Compares what the backend wanted, what MySQL says, what `status` says and what the simulator accepted,
 * recipient by recipient.
 */
export async function judge(installation, accepted) {
  const { scenario } = installation;
  const rows = (sql, values) => installation.rows(sql, values);
  const faults = [];
  const say = (text) => faults.length < FAULTS_NAMED && faults.push(text);
  const counts = Object.fromEntries(OUTCOMES.map((name) => [name, 0]));
  const inactive = new Set((await rows('SELECT id FROM token WHERE active = 0')).map(({ id }) => String(id)));
  const known = new Set();
  let recipients = 0;
  let lost = 0;
  const lose = (text) => {
    lost++;
    say(text);
  };
  const members = audiences(scenario);
  const { createProducer } = await import('@pushfleet/producer');
  const library = createProducer({ mysql: installation.environment.PUSHFLEET_MYSQL_URL });
  for (const { id } of scenario.notifications) {
    const [dispatch] = await rows(
      'SELECT d.id, d.state, d.recipients, n.sent FROM pushfleet_dispatch d JOIN notification n ON n.id = d.notification_id WHERE n.id = ?',
      [id],
    );
    const wanted = members(id);
    if (dispatch === undefined) {
      lost += wanted.size;
      say(`notification ${id} was never claimed`);
      continue;
    }
    if (dispatch.state !== 'done' || dispatch.sent !== 1)
      say(`notification ${id} is ${dispatch.state}, sent = ${dispatch.sent}`);
    const own = Object.fromEntries(OUTCOMES.map((name) => [name, 0]));
    const planned = new Set();
    for (const batch of await rows('SELECT * FROM pushfleet_batch WHERE dispatch_id = ?', [dispatch.id])) {
      const ids = decodeRecipients(batch.recipients);
      if (batch.state !== 'settled') say(`batch ${dispatch.id}-${batch.seq} is ${batch.state}`);
      for (const [i, tokenId] of ids.entries()) {
        const where = `token ${tokenId} of notification ${id}`;
        const byte = batch.outcomes?.[i] ?? 0;
        const outcome = OUTCOMES[byte];
        own[outcome]++;
        if (planned.has(tokenId)) say(`${where} is planned twice`);
        planned.add(tokenId);
        if (!wanted.has(tokenId)) say(`${where} is not in the audience`);
        const apns = apnsId(dispatch.id, tokenId);
        known.add(apns);
        const times = accepted.get(apns)?.length ?? 0;
        if (byte === 0) lose(`${where} has no outcome; accepted ${times} times`);
        else if (byte === ACCEPTED && times === 0) lose(`${where} is called accepted and never was`);
        else if (byte !== ACCEPTED && times > 0) say(`${where} is called ${outcome}, APNs accepted it`);
        else if (outcome === 'cancelled' && !inactive.has(tokenId))
          lose(`${where} is called cancelled, and nobody did`);
        else if (outcome === 'expired') lose(`${where} is called expired before its deadline`);
      }
    }
    for (const tokenId of wanted)
      if (!planned.has(tokenId) && !inactive.has(tokenId))
        lose(`token ${tokenId} of notification ${id} is in no batch`);
    recipients += planned.size;
    for (const name of OUTCOMES) counts[name] += own[name];
    const status = await library.status(id);
    const { waiting: pending, ...others } = own;
    const told = { state: 'done', recipients: planned.size, pending, ...others };
    for (const [name, value] of Object.entries(told))
      if (status[name] !== value) say(`status of ${id} says ${name} = ${status[name]}, MySQL ${value}`);
  }
  await library.close();
  for (const apns of accepted.keys())
    if (!known.has(apns)) say(`APNs accepted ${apns}, which nobody planned`);
  const [{ refused }] = await rows('SELECT COUNT(*) AS refused FROM pushfleet_outcome');
  if (Number(refused) !== counts.rejected + counts.retired + counts.failed)
    say(
      `${refused} rows of refusals, ${counts.rejected + counts.retired + counts.failed} refused recipients`,
    );
  return { recipients, lost, counts, faults };
}

/** Ids of the audience of a notification, as text. */
function audiences({ groups, notifications }) {
  const byId = new Map(notifications.map((one) => [one.id, one]));
  return (id) => {
    const { groupIds, tokenIds } = byId.get(id);
    const ids = new Set(tokenIds.map(String));
    for (const { from, to } of groups.filter((group) => groupIds.includes(group.id)))
      for (let i = from; i <= to; i++) ids.add(String(i));
    return ids;
  };
}
