import { type Html, html } from '../html.ts';

/** What a person sees of a push; null where a device shows nothing. */
export interface SeenPush {
  readonly title: string | null;
  readonly subtitle: string | null;
  readonly body: string | null;
  readonly badge: number | null;
}

/** Of a payload; null where nothing appears on the lock screen. */
export function seenPush(payload: unknown): SeenPush | null {
  const aps = objectOf(objectOf(payload)?.aps);
  if (aps === null) return null;
  const { alert } = aps;
  const parts = typeof alert === 'string' ? { body: alert } : objectOf(alert);
  if (parts === null) return null;
  const title = textOf(parts.title) ?? keyOf(parts['title-loc-key']);
  const subtitle = textOf(parts.subtitle) ?? keyOf(parts['subtitle-loc-key']);
  const body = textOf(parts.body) ?? keyOf(parts['loc-key']);
  if (title === null && subtitle === null && body === null) return null;
  return { title, subtitle, body, badge: typeof aps.badge === 'number' ? aps.badge : null };
}

/** The lock screen in both themes, whatever the theme of the page. */
export function lockScreens(push: SeenPush | null, app: string, at: string | null): Html {
  if (push === null)
    return html`<p class="none">Nothing appears on the lock screen: the payload has no alert.</p>`;
  return html`<div class="phones">${(['light', 'dark'] as const).map((theme) => lockScreen(push, app, at, theme))}</div>
<p class="none">Drawn by the board: an iPhone cuts long texts after about four lines and shows the name and icon of your app.</p>`;
}

function lockScreen(
  { title, subtitle, body, badge }: SeenPush,
  app: string,
  at: string | null,
  theme: 'light' | 'dark',
): Html {
  const clock = at === null ? '–' : at.slice(11, 16);
  return html`<figure class="phone ${theme}"><figcaption>Lock screen, ${theme}</figcaption>
<p class="clock" aria-hidden="true">${clock}</p>
<div class="bubble"><span class="icon" aria-hidden="true">${app.slice(0, 1).toUpperCase()}</span>
<div class="said"><p class="from"><span>${app}</span><span>${clock} UTC</span></p>
${title !== null && html`<p class="title">${title}</p>`}${subtitle !== null && html`<p class="subtitle">${subtitle}</p>`}${body !== null && html`<p class="text">${body}</p>`}</div></div>
<p class="badge">${badge === null ? 'Badge unchanged' : badge === 0 ? 'Badge removed' : html`Badge <b>${badge}</b>`}</p></figure>`;
}

function objectOf(value: unknown): Readonly<Record<string, unknown>> | null {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    ? (value as Readonly<Record<string, unknown>>)
    : null;
}

function textOf(value: unknown): string | null {
  return typeof value === 'string' && value !== '' ? value : null;
}

/** The app has the text: only its key is known here. */
function keyOf(value: unknown): string | null {
  const key = textOf(value);
  return key === null ? null : `(text of the app: ${key})`;
}
