import type { FastifyReply } from 'fastify';
import type { Html } from './html.ts';
import { page } from './layout.ts';

/** What a page needs to know of the board and of who is logged in. */
export interface AnswerFrame {
  /** Base path without a slash at its end. */
  readonly base: string;
  readonly user: string;
  readonly hasLogin: boolean;
}

/**
 * Answers with a page, and with what came of the last wish.
 *
 * @param body gets the CSRF token, for a form of its own
 */
export function answerPage(
  reply: FastifyReply,
  frame: AnswerFrame,
  title: string,
  body: (csrf: string) => Html,
): FastifyReply {
  const { session } = reply.request;
  const notice = session.get('notice');
  if (notice !== undefined) session.set('notice', undefined);
  const csrf = reply.generateCsrf();
  return reply
    .header('cache-control', 'no-store')
    .type('text/html; charset=utf-8')
    .send(page({ ...frame, title, csrf, notice }, body(csrf)));
}
