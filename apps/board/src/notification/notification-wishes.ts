import type { Command } from '@pushfleet/shared/store/commands';
import { REPLAYABLE } from '@pushfleet/shared/store/replay';
import type { NotificationStatus } from '@pushfleet/shared/store/status';
import { type Html, html } from '../html.ts';
import { cancelQuestion, type Question } from '../overview/confirm-page.ts';
import { amount, type PieceFrame } from '../page-pieces.ts';

export type Wish = 'cancel' | 'release' | 'retry';

const OPEN: readonly string[] = ['planning', 'sending', 'held'];
const RETRIED = REPLAYABLE.filter((outcome) => outcome === 'failed' || outcome === 'expired');

/** What can be asked for in the state that it is in. */
export function wishesFor(status: NotificationStatus): Wish[] {
  const wishes: Wish[] = [];
  if (status.state === 'held') wishes.push('release');
  if (OPEN.includes(status.state)) wishes.push('cancel');
  if (retriable(status) > 0) wishes.push('retry');
  return wishes;
}

export function commandFor(wish: Wish, notificationId: string): Command {
  if (wish === 'cancel') return { verb: 'cancel', notificationId };
  if (wish === 'release') return { verb: 'resumeNotification', notificationId };
  return { verb: 'replay', notificationId, outcomes: [...RETRIED], reason: null };
}

export function questionFor(wish: Wish, status: NotificationStatus): Question {
  const { notificationId: id, pending, error } = status;
  if (wish === 'cancel') return cancelQuestion(status);
  if (wish === 'release')
    return {
      title: `Release notification ${id}?`,
      effect: [
        `The brake holds it${error === null ? '' : `: ${error}`}.`,
        `Sending goes on to ${amount(pending)} recipients without an outcome, and the brake does not hold it again.`,
      ],
      yes: `Release notification ${id}`,
    };
  return {
    title: `Retry notification ${id}?`,
    effect: [
      `${amount(retriable(status))} recipients that failed or expired are sent to again.`,
      'Nobody whose push APNs accepted gets it twice.',
    ],
    yes: `Retry notification ${id}`,
  };
}

export function wishLinks({ base, writable }: PieceFrame, status: NotificationStatus): Html {
  const wishes = writable ? wishesFor(status) : [];
  if (wishes.length === 0) return html``;
  const path = notificationPath(base, status.notificationId);
  return html`<p class="choice">${wishes.map((wish) => html`<a class="button" href="${path}/${wish}">${LABELS[wish]} notification ${status.notificationId}</a>`)}</p>`;
}

export function wishForm(base: string, wish: Wish, status: NotificationStatus): Html {
  const { effect, yes } = questionFor(wish, status);
  const path = notificationPath(base, status.notificationId);
  return html`<section class="confirm">${effect.map((sentence) => html`<p>${sentence}</p>`)}
<p class="choice"><button id="yes" class="main" form="act" formaction="${path}/${wish}">${yes}</button>
<a class="button" href="${path}">Back, change nothing</a></p></section>`;
}

export function notificationPath(base: string, id: string): string {
  return `${base}/notifications/${encodeURIComponent(id)}`;
}

const LABELS = { cancel: 'Cancel', release: 'Release', retry: 'Retry' } as const;

function retriable({ failed, expired }: NotificationStatus): number {
  return failed + expired;
}
