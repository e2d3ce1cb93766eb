import type { AppStatus } from '@pushfleet/shared/store/app-status';
import type { LaneFigures } from '@pushfleet/shared/store/fleet-figures';
import type { NotificationStatus } from '@pushfleet/shared/store/status';
import { type Html, html } from '../html.ts';

/** Wishes that are asked about before they are sent. */
export const ASKED_ABOUT: readonly string[] = ['pause', 'cancel'];

export interface Question {
  readonly title: string;
  /** What will happen, in sentences. */
  readonly effect: readonly string[];
  readonly yes: string;
}

/** What pausing an app does, with the recipients that it concerns now. */
export function pauseQuestion(
  { app, topic, environment, paused }: Pick<AppStatus, 'app' | 'topic' | 'environment' | 'paused'>,
  lanes: readonly LaneFigures[],
): Question {
  const waiting = lanes.filter((lane) => lane.app === app).reduce((sum, { unsettled }) => sum + unsettled, 0);
  return {
    title: `Pause ${app}?`,
    effect: [
      paused ? `${app} is paused already.` : `All workers of ${app} (${topic}, ${environment}) stop sending.`,
      `${count(waiting, 'recipient waits', 'recipients wait')} now, and whatever becomes due waits too, until somebody resumes ${app} or its deadline passes: then it expires.`,
      'Requests that are on their way to APNs are finished.',
    ],
    yes: `Pause ${app}`,
  };
}

/** What cancelling a notification does, with the recipients that it concerns now. */
export function cancelQuestion(
  notification: Pick<NotificationStatus, 'notificationId' | 'state' | 'recipients' | 'pending' | 'accepted'>,
): Question {
  const { notificationId: id, state, recipients, pending, accepted } = notification;
  const isPlanned = recipients > 0 && state !== 'planning';
  return {
    title: `Cancel notification ${id}?`,
    effect: [
      isPlanned
        ? `${count(pending, 'recipient has', 'recipients have')} no outcome yet and will not be sent to.`
        : 'Its audience is not planned yet: nobody more will be sent to.',
      accepted > 0 &&
        `${count(accepted, 'recipient was', 'recipients were')} accepted by APNs already: a push cannot be called back.`,
      'Cancelling cannot be undone. To send it after all, insert a new notification.',
    ].filter((sentence) => sentence !== false),
    yes: `Cancel notification ${id}`,
  };
}

/** The question with its button and the way back. The button belongs to the page's form, which carries the CSRF token. */
export function confirmPart(base: string, verb: string, about: string, { effect, yes }: Question): Html {
  return html`<section class="confirm">${effect.map((sentence) => html`<p>${sentence}</p>`)}
<p class="choice"><button id="yes" class="main" form="act" formaction="${base}/actions/${verb}" name="about" value="${about}">${yes}</button>
<a class="button" href="${base}/">Back, change nothing</a></p></section>`;
}

function count(number: number, one: string, many: string): string {
  return `${number.toLocaleString('en')} ${number === 1 ? one : many}`;
}
