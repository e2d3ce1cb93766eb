import { randomBytes } from 'node:crypto';
import type { FastifyRequest } from 'fastify';
import { EndedSessions, type Session } from './ended-sessions.ts';
import { sessionAge } from './session-age.ts';

declare module '@fastify/secure-session' {
  interface SessionData {
    user: string;
    id: string;
    enteredAt: number;
    renewedAt: number;
    /** Whether the browser came by https when it logged in. */
    byTls: boolean;
    notice: string;
    /** Of the plugin that makes the tokens of forms. */
    _csrf: string;
  }
}

/** Who is logged in with the cookie of a request. */
export class Sessions {
  readonly #ended = new EndedSessions();

  constructor(private readonly user: string) {}

  /** After a login. */
  enter({ session, headers }: FastifyRequest): void {
    session.regenerate();
    // The browser says it with the form itself, whatever the proxy that ends TLS tells or does not tell.
    session.set('byTls', headers.origin?.startsWith('https:') === true);
    session.set('user', this.user);
    session.set('id', randomBytes(16).toString('hex'));
    session.set('enteredAt', Date.now());
    session.set('renewedAt', Date.now());
    keepToTls(session);
  }

  /** Renews the session too, so that one ends a day after the last request and not a day after the login. */
  has(request: FastifyRequest): boolean {
    const session = this.#of(request);
    if (session === null || this.#ended.has(session)) return false;
    keepToTls(request.session);
    const { enteredAt } = session;
    const age = sessionAge({ enteredAt, renewedAt: request.session.get('renewedAt') ?? 0 }, Date.now());
    if (age === 'to be renewed') request.session.set('renewedAt', Date.now());
    return age !== 'over';
  }

  leave(request: FastifyRequest): void {
    const session = this.#of(request);
    if (session !== null) this.#ended.end(session, Date.now());
    request.session.delete();
  }

  /** Null where nobody has logged in with this cookie. */
  #of({ session }: FastifyRequest): Session | null {
    const [id, enteredAt] = [session.get('id'), session.get('enteredAt')];
    if (session.get('user') !== this.user || id === undefined || enteredAt === undefined) return null;
    return { id, enteredAt };
  }
}

/** A cookie that came by https goes back by nothing else. */
function keepToTls(session: FastifyRequest['session']): void {
  if (session.get('byTls') === true) session.options({ secure: true });
}
