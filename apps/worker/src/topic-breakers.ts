import type { Log } from '@pushfleet/shared/platform/log';
import { SendBreaker } from './send-breaker.ts';

export const TOPIC_DISALLOWED = 'TopicDisallowed';

/**
 * A breaker for each topic beside the app's own one (`.voip`, `.push-type.liveactivity`, …). A credential
 * may be good for some and not for others, certificates above all: one notification of such a push type
 * must not stop all others. There are as many as push types.
 */
export class TopicBreakers {
  readonly #breakers = new Map<string, SendBreaker>();

  constructor(
    private readonly app: string,
    private readonly ownTopic: string,
    private readonly log: Log,
  ) {}

  /** Null for the app's own topic: without it nothing can be sent, and the app's breaker tells. */
  of(topic: string): SendBreaker | null {
    if (topic === this.ownTopic) return null;
    let breaker = this.#breakers.get(topic);
    if (breaker === undefined) {
      breaker = new SendBreaker({ app: this.app, topic, log: this.log, onState: () => {} });
      this.#breakers.set(topic, breaker);
    }
    return breaker;
  }

  stop(): void {
    for (const breaker of this.#breakers.values()) breaker.stop();
  }
}
