import type { FastifyReply, FastifyRequest } from 'fastify';
import { html } from './html.ts';
import { page } from './layout.ts';

const TITLES: Readonly<Record<number, string>> = {
  400: 'That does not fit',
  403: 'Not allowed',
  404: 'There is nothing here',
  409: 'Not now',
  429: 'Too many attempts',
  503: 'MySQL is away',
};

/**
 * Says no: to people with a page and a way back, to scripts as JSON.
 *
 * @param base base path without a slash at its end
 * @param message a sentence of our own: what was thrown may hold an address or a job
 */
export function sayNo(
  request: FastifyRequest,
  reply: FastifyReply,
  base: string,
  status: number,
  message: string,
): FastifyReply {
  reply.status(status);
  if (!wantsPage(request)) return reply.send({ error: message });
  const title = TITLES[status] ?? 'The board could not answer';
  const body = html`<section><p role="alert">${message}</p><p><a href="${base}/">Back to the overview</a></p></section>`;
  return reply.type('text/html; charset=utf-8').send(page({ title, base, user: null, csrf: '' }, body));
}

/** A browser that goes to a page or sends a form; not what a script on a page asks for. */
export function wantsPage({ headers }: FastifyRequest): boolean {
  return headers.authorization === undefined && (headers.accept ?? '').includes('text/html');
}
