import { type Html, html } from './html.ts';

/** What the pieces of a page need to know of the board. */
export interface PieceFrame {
  /** Base path without a slash at its end. */
  readonly base: string;
  readonly writable: boolean;
}

export type Cell = string | number | Html;

/**
 * A table, or a sentence where it has no rows. On a phone each row is a card whose cells carry the names of
 * their columns.
 */
export function table(
  name: string,
  head: readonly string[],
  rows: readonly (readonly Cell[])[],
  none: string,
): Html {
  if (rows.length === 0) return html`<p class="none">${none}</p>`;
  return html`<div class="scroll" tabindex="0" role="group" aria-label="${name}" id="table-${name.toLowerCase().replace(/\W+/g, '-')}"><table><thead><tr>${head.map(
    (one) => (one === '' ? html`<td></td>` : html`<th scope="col">${one}</th>`),
  )}</tr></thead>
<tbody>${rows.map((row) => html`<tr>${row.map((cell, at) => html`<td data-name="${head[at]}">${cell}</td>`)}</tr>`)}</tbody></table></div>`;
}

/** A wish that is sent at once; nothing on a read-only board. */
export function wishButton({ base, writable }: PieceFrame, verb: string, about: string, label: string): Html {
  if (!writable) return html``;
  return html`<button id="${idOf(label, about)}" form="act" formaction="${base}/actions/${verb}" name="about" value="${about}" aria-label="${label} ${about}">${label}</button>`;
}

/** The way to a page that says what a wish will do; nothing on a read-only board. */
export function askLink({ base, writable }: PieceFrame, verb: string, about: string, label: string): Html {
  if (!writable) return html``;
  return html`<a class="button" id="${idOf(label, about)}" href="${base}/confirm/${verb}?about=${encodeURIComponent(about)}" aria-label="${label} ${about}">${label}</a>`;
}

export function notificationLink({ base }: PieceFrame, id: string): Html {
  return html`<a href="${base}/notifications/${encodeURIComponent(id)}">${id}</a>`;
}

/** A moment in UTC, to the second; a dash where there is none. */
export function moment(iso: string | null): Html {
  if (iso === null) return html`–`;
  return html`<time datetime="${iso}">${iso.slice(0, 19).replace('T', ' ')} UTC</time>`;
}

export function amount(number: number): string {
  return number.toLocaleString('en');
}

/** By which the focus is found again when its section is renewed. */
function idOf(label: string, about: string): string {
  return `${label}-${about}`.toLowerCase().replace(/[^\w-]+/g, '-');
}
