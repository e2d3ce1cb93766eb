import type { FastifyHelmetOptions } from '@fastify/helmet';

/**
 * Sent with every answer. The pages get all they need from the board itself: nothing is asked of another
 * address, and no other page may frame it. Only Bull Board needs inline styles, for its colours.
 *
 * @param styles whether inline styles are allowed
 */
export function pageHeaders(styles: 'own' | 'inline'): FastifyHelmetOptions {
  const self = "'self'";
  return {
    contentSecurityPolicy: {
      useDefaults: false,
      directives: {
        defaultSrc: ["'none'"],
        scriptSrc: [self],
        styleSrc: styles === 'own' ? [self] : [self, "'unsafe-inline'"],
        fontSrc: [self],
        imgSrc: [self, 'data:'],
        connectSrc: [self],
        baseUri: [self],
        formAction: [self],
        frameAncestors: ["'none'"],
      },
    },
    frameguard: { action: 'deny' },
    referrerPolicy: { policy: 'no-referrer' },
    // The board has no TLS of its own: whoever gives it one says so.
    strictTransportSecurity: false,
  };
}
