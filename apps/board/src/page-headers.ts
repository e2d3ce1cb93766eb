import type { FastifyHelmetOptions } from '@fastify/helmet';

const self = "'self'";

/**
 * Sent with every answer. The pages get all they need from the board itself: nothing is asked of another
 * address, nothing stands inline, and no other page may frame it.
 */
export const PAGE_HEADERS: FastifyHelmetOptions = {
  contentSecurityPolicy: {
    useDefaults: false,
    directives: {
      defaultSrc: ["'none'"],
      scriptSrc: [self],
      styleSrc: [self],
      fontSrc: [self],
      imgSrc: [self, 'data:'],
      connectSrc: [self],
      baseUri: [self],
      formAction: [self],
      frameAncestors: ["'none'"],
    },
  },
  frameguard: { action: 'deny' },
  // Not 'no-referrer': with it browsers call the board's own forms `Origin: null`, and they are refused.
  referrerPolicy: { policy: 'same-origin' },
  // The board has no TLS of its own: whoever gives it one says so.
  strictTransportSecurity: false,
};
