/** Judges one connection by its answers: what makes it worth replacing, or destroying. */
import { type ApnsAnswer, mustReplaceConnection } from '@pushfleet/shared/domain/apns-answer';
import { NO_ANSWER_IN_TIME, STREAM_REFUSED } from './apns-connection.ts';

/** A connection can stick at 500 (node-apn #449, pushy #408). */
const SERVER_ERRORS_IN_A_ROW = 2;
const TIMEOUTS_IN_A_ROW = 3;
/** Refusals of the only open stream: this server takes nothing from us. */
const LONE_REFUSALS_IN_A_ROW = 5;

export type HealthVerdict = { readonly action: 'keep' | 'drain' | 'destroy'; readonly why: string };

const KEEP: HealthVerdict = { action: 'keep', why: '' };

export class ConnectionHealth {
  accepted = 0;
  /** Streams that the server really takes; infinite until it refuses one. */
  learnedLimit = Number.POSITIVE_INFINITY;
  #serverErrors = 0;
  #timeouts = 0;
  #loneRefusals = 0;

  /** Takes in one answer, with the number of requests still open on this connection. */
  note(answer: ApnsAnswer, stillOpen: number): HealthVerdict {
    if (!answer.answered) return this.#noteUnanswered(answer.detail, stillOpen);
    this.#timeouts = 0;
    this.#loneRefusals = 0;
    if (answer.status === 200) {
      this.accepted++;
      this.#serverErrors = 0;
      // Doubles within a round trip: each accepted request makes room for one more.
      this.learnedLimit++;
      return KEEP;
    }
    if (mustReplaceConnection(answer)) return { action: 'drain', why: `APNs answered ${answer.reason}` };
    this.#serverErrors = answer.status === 500 ? this.#serverErrors + 1 : 0;
    if (this.#serverErrors < SERVER_ERRORS_IN_A_ROW) return KEEP;
    return { action: 'drain', why: `${this.#serverErrors} answers in a row with status 500` };
  }

  #noteUnanswered(detail: string, stillOpen: number): HealthVerdict {
    if (detail === NO_ANSWER_IN_TIME && ++this.#timeouts >= TIMEOUTS_IN_A_ROW) {
      return { action: 'destroy', why: `${this.#timeouts} requests in a row without an answer` };
    }
    if (detail === STREAM_REFUSED) {
      this.#loneRefusals = stillOpen === 0 ? this.#loneRefusals + 1 : 0;
      this.learnedLimit = Math.max(1, Math.min(this.learnedLimit, stillOpen));
      if (this.#loneRefusals >= LONE_REFUSALS_IN_A_ROW) {
        return { action: 'drain', why: `${this.#loneRefusals} single streams refused in a row` };
      }
    }
    return KEEP;
  }
}
