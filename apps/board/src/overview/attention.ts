import { type Html, html } from '../html.ts';
import { askLink, moment, notificationLink, type PieceFrame, wishButton } from '../page-pieces.ts';
import type { FleetView } from './fleet-view.ts';

/** What does not send, since when, by whom and why, with the button that ends it. Nothing where all is well. */
export function attention({ apps, held }: Pick<FleetView, 'apps' | 'held'>, frame: PieceFrame): Html {
  const items = [
    ...apps.flatMap(({ app, paused, pausedBy, pausedAt, stopped }) => [
      ...(paused
        ? [
            html`<li><b>${app} is paused</b> by ${pausedBy ?? 'somebody unknown'} since ${moment(pausedAt)}. ${wishButton(frame, 'resume', app, 'Resume')}</li>`,
          ]
        : []),
      ...stopped.map(
        ({ reason, since, topic, credential }, at) =>
          html`<li><b>${app} is stopped by its breaker</b> since ${moment(since)}: APNs answers ${reason} to ${
            topic === null ? `the credential ${credential}` : `the topic ${topic}`
          }. One worker probes now and then; when APNs accepts again it goes on by itself. ${
            at === 0 && !paused && wishButton(frame, 'resume', app, 'Resume')
          }</li>`,
      ),
    ]),
    ...held.map(
      ({ notificationId, app, heldAt, reason }) =>
        html`<li><b>Notification ${notificationLink(frame, notificationId)} of ${app} is held</b> by the brake since ${moment(heldAt)}: ${reason}. ${wishButton(frame, 'resumeNotification', notificationId, 'Release')} ${askLink(frame, 'cancel', notificationId, 'Cancel it')}</li>`,
    ),
  ];
  if (items.length === 0) return html``;
  return html`<section id="section-attention" class="attention" aria-labelledby="attention"><h2 id="attention">Does not send</h2><ul>${items}</ul></section>`;
}
