import type { Log } from '@pushfleet/shared/platform/log';
import { SendBreaker } from './send-breaker.ts';

export const TOPIC_DISALLOWED = 'TopicDisallowed';

export interface TopicBreakersOptions {
  readonly app: string;
  readonly credential: string;
  readonly ownTopic: string;
  readonly log: Log;
  readonly onNews?: () => void;
}

/**
 * A breaker for each topic beside the app's own one (`.voip`, `.push-type.liveactivity`, …). A credential
 * may be good for some and not for others, certificates above all: one notification of such a push type
 * must not stop all others. There are as many as push types.
 */
export class TopicBreakers {
  readonly #breakers = new Map<string, SendBreaker>();

  constructor(private readonly options: TopicBreakersOptions) {}

  /** Null for the app's own topic: without it nothing can be sent, and the app's breaker tells. */
  of(topic: string): SendBreaker | null {
    if (topic === this.options.ownTopic) return null;
    let breaker = this.#breakers.get(topic);
    if (breaker === undefined) {
      const { app, credential, log, onNews } = this.options;
      breaker = new SendBreaker({ app, credential, topic, log, onState: () => {}, onNews });
      this.#breakers.set(topic, breaker);
    }
    return breaker;
  }

  all(): readonly SendBreaker[] {
    return [...this.#breakers.values()];
  }
}
