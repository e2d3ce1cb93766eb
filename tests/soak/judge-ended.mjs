import { apnsId } from '@pushfleet/shared/domain/apns-id';
import { decodeRecipients } from '@pushfleet/shared/domain/recipient-list';
import { deviceToken } from '../chaos/scenario.mjs';
import { mayBeRetired } from './arrivals.mjs';

const WAITING = 0;
const CANCELLED = 2;
const ACCEPTED = 6;
const PAGE = 20_000;
const AT_ONCE = 200;
const FAULTS_NAMED = 20;

/**
 * Compares what the backend wanted, what MySQL says and what the simulator accepted, recipient by recipient, as
 * soon as a notification has ended: its rows are removed a little later.
 */
export class EndedJudge {
  recipients = 0;
  lost = 0;
  duplicates = 0;
  /** Sentences; the first ones only. */
  faults = [];
  #open = new Map();
  #accepted = new Map();
  #read = 0;

  constructor(installation) {
    this.installation = installation;
  }

  /** Notifications that have not ended. */
  get open() {
    return this.#open.size;
  }

  get openIds() {
    return [...this.#open.keys()];
  }

  inserted(notifications) {
    for (const one of notifications) this.#open.set(one.id, one);
  }

  /** Looks at what has ended since. */
  async look() {
    const ids = [...this.#open.keys()];
    for (let at = 0; at < ids.length; at += AT_ONCE) await this.#lookAt(ids.slice(at, at + AT_ONCE));
  }

  /** When nothing is open any more. */
  finish() {
    this.#readAccepted();
    for (const [id, times] of this.#accepted) {
      this.duplicates += times;
      this.#say(`${id} was accepted ${times} times more than its outcome explains`);
    }
  }

  async #lookAt(ids) {
    const { installation } = this;
    const dispatches = await installation.rows(
      `SELECT d.id, d.notification_id AS notificationId, d.state, n.sent
         FROM pushfleet_dispatch d JOIN notification n ON n.id = d.notification_id
        WHERE d.notification_id IN (?) AND d.finished_at IS NOT NULL`,
      [ids],
    );
    if (dispatches.length === 0) return;
    const batches = await installation.rows(
      'SELECT dispatch_id AS dispatchId, state, recipients, outcomes FROM pushfleet_batch WHERE dispatch_id IN (?)',
      [dispatches.map(({ id }) => id)],
    );
    // What MySQL calls accepted the simulator has accepted before.
    this.#readAccepted();
    for (const dispatch of dispatches) {
      const own = batches.filter(({ dispatchId }) => dispatchId === dispatch.id);
      this.#judge(this.#open.get(Number(dispatch.notificationId)), dispatch, own);
      this.#open.delete(Number(dispatch.notificationId));
    }
  }

  #judge(notification, dispatch, batches) {
    if (dispatch.state !== 'done' || dispatch.sent !== 1)
      this.#say(`notification ${notification.id} is ${dispatch.state}, sent = ${dispatch.sent}`);
    const missing = this.#audience(notification);
    for (const { recipients, outcomes } of batches)
      for (const [at, tokenId] of decodeRecipients(recipients).entries()) {
        const where = `token ${tokenId} of notification ${notification.id}`;
        if (!missing.delete(Number(tokenId))) this.#say(`${where} is planned twice, or not in the audience`);
        this.recipients++;
        const outcome = outcomes?.[at] ?? WAITING;
        const times = this.#takeAccepted(apnsId(dispatch.id, tokenId));
        this.duplicates += Math.max(0, times - 1);
        const isRetired = mayBeRetired(deviceToken(Number(tokenId)));
        if (outcome === WAITING) this.#lose(`${where} has no outcome`);
        else if ((outcome === ACCEPTED) !== times > 0)
          this.#lose(`${where} has outcome ${outcome} and was accepted ${times} times`);
        else if (outcome === CANCELLED && !isRetired) this.#lose(`${where} is cancelled, and nobody did`);
      }
    for (const tokenId of missing)
      if (!mayBeRetired(deviceToken(tokenId)))
        this.#lose(`token ${tokenId} of notification ${notification.id} is in no batch`);
  }

  #audience({ groupIds, tokenIds }) {
    const ids = new Set(tokenIds);
    for (const { id, from, to } of this.installation.scenario.groups)
      if (groupIds.includes(id)) for (let tokenId = from; tokenId <= to; tokenId++) ids.add(tokenId);
    return ids;
  }

  #readAccepted() {
    for (;;) {
      const pushes = this.installation.simulator.accepted(this.#read, PAGE);
      for (const { apnsId: id } of pushes) this.#accepted.set(id, (this.#accepted.get(id) ?? 0) + 1);
      this.#read += pushes.length;
      if (pushes.length < PAGE) return;
    }
  }

  #takeAccepted(id) {
    const times = this.#accepted.get(id) ?? 0;
    this.#accepted.delete(id);
    return times;
  }

  #lose(text) {
    this.lost++;
    this.#say(text);
  }

  #say(text) {
    if (this.faults.length < FAULTS_NAMED) this.faults.push(text);
  }
}
