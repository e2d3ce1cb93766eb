import { randomUUID } from 'node:crypto';
import { constants } from 'node:http2';
import { answerAccepted, answerRefused } from './answers.ts';
import type { Exchange } from './apns-server.ts';
import type { Ledger } from './ledger.ts';
import type { Refusal } from './refusals.ts';
import { deviceTokenOf, headerOf, isUuid, type RequestChecks, topicOf } from './request-checks.ts';
import { type CheckedCountRule as CountRule, errorCode, type CheckedStep as Step } from './script-rules.ts';
import type { ScriptRunner } from './script-runner.ts';

/** What can be changed while the simulator runs. */
export interface Settings {
  latencyMs: number;
  streamLimit: number;
}

/** What the handler works with. */
export interface HandlerParts {
  readonly checks: RequestChecks;
  readonly script: ScriptRunner;
  readonly ledger: Ledger;
  readonly settings: Settings;
  readonly isSandbox: boolean;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  readonly setStreamLimit: (limit: number) => void;
}

/** What happens instead of an answer. */
type Silence = Exclude<Step, { do: 'accept' } | { do: 'answer' }>;

const ACCEPT: Step = { do: 'accept' };

/**
 * One request: checks first, then the script, then the answer. A push is accepted when its request has
 * arrived whole; latency and delays hold back only the answer, as with a slow network.
 */
export class RequestHandler {
  constructor(private readonly parts: HandlerParts) {}

  handle(exchange: Exchange): void {
    const atMs = this.parts.now();
    const reached = this.parts.script.count('requests');
    const silence = reached && silenceOf(reached);
    if (reached !== undefined) stick(reached, exchange);
    if (silence === undefined) this.judge(exchange, atMs);
    else this.leaveUnanswered(silence, exchange, atMs);
    if (reached !== undefined) this.follow(reached, exchange);
  }

  private judge(exchange: Exchange, atMs: number): void {
    const { connection } = exchange;
    const refusal = connection.stuckAt ?? this.parts.checks.refusalOf(exchange, connection, atMs);
    if (refusal === undefined) {
      this.perform(this.parts.script.nextStep(deviceTokenOf(exchange.headers)) ?? ACCEPT, exchange, atMs);
    } else {
      this.refuse(exchange, refusal, atMs, 0);
    }
  }

  private perform(step: Step, exchange: Exchange, atMs: number): void {
    const delayMs = step.delayMs ?? 0;
    if (step.do === 'accept') {
      this.accept(exchange, atMs, delayMs);
    } else if (step.do === 'answer') {
      this.refuse(exchange, refusalOf(step, atMs), atMs, delayMs);
    } else if (step.do === 'goaway' && step.error === undefined) {
      this.accept(exchange, atMs, delayMs);
      this.later(delayMs, () => exchange.connection.goAway(0, 'Shutdown'));
    } else {
      this.leaveUnanswered(step, exchange, atMs);
    }
  }

  private accept(exchange: Exchange, atMs: number, delayMs: number): void {
    const apnsId = apnsIdOf(exchange);
    this.noteAccepted(exchange, apnsId, atMs);
    const reached = this.parts.script.count('accepted');
    const silence = reached && silenceOf(reached);
    if (reached !== undefined) stick(reached, exchange);
    if (silence === undefined) {
      this.noteRequest(exchange, 200, '', atMs);
      this.later(delayMs, () => {
        exchange.connection.warmUp(this.parts.settings.streamLimit);
        answerAccepted(exchange.stream, apnsId, this.parts.isSandbox);
      });
    } else {
      this.leaveUnanswered(silence, exchange, atMs);
    }
    if (reached !== undefined) this.follow(reached, exchange);
  }

  private refuse(exchange: Exchange, refusal: Refusal, atMs: number, delayMs: number): void {
    this.noteRequest(exchange, refusal.status, refusal.reason, atMs);
    this.later(delayMs, () => answerRefused(exchange.stream, apnsIdOf(exchange), refusal, this.parts.now()));
  }

  private leaveUnanswered(silence: Silence, exchange: Exchange, atMs: number): void {
    const { connection, stream } = exchange;
    if ('accepted' in silence && silence.accepted === true)
      this.noteAccepted(exchange, apnsIdOf(exchange), atMs);
    this.noteRequest(exchange, 0, silence.do, atMs);
    if (silence.do === 'silence') return;
    this.later(silence.delayMs ?? 0, () => {
      if (silence.do === 'drop') connection.drop();
      else if (silence.do === 'refuse') stream.close(constants.NGHTTP2_REFUSED_STREAM);
      else if (silence.do === 'reset') stream.close(errorCode(silence.error));
      else if (silence.do === 'goaway')
        connection.goAway(errorCode(silence.error ?? '') ?? 0, silence.error ?? '');
    });
  }

  /** What a count rule does besides taking an answer away. */
  private follow(reached: CountRule, { connection }: Exchange): void {
    if (reached.do === 'streams') this.parts.setStreamLimit(reached.streams ?? 1);
    if (reached.do === 'goaway' && reached.error === undefined) {
      this.later(0, () => connection.goAway(0, 'Shutdown'));
    }
  }

  private later(delayMs: number, act: () => void): void {
    const waitMs = delayMs + this.parts.settings.latencyMs;
    if (waitMs === 0) act();
    else setTimeout(act, waitMs).unref();
  }

  private noteRequest(
    { headers, connection, stream }: Exchange,
    status: number,
    reason: string,
    atMs: number,
  ): void {
    const answer = status === 0 ? reason : `${status} ${reason}`.trimEnd();
    this.parts.ledger.addRequest(answer, () => ({
      deviceToken: deviceTokenOf(headers),
      status,
      reason,
      atMs,
      connection: connection.number,
      stream: stream.id ?? 0,
    }));
  }

  private noteAccepted({ headers, connection, payload }: Exchange, apnsId: string, atMs: number): void {
    this.parts.ledger.addAccepted(atMs, () => ({
      deviceToken: deviceTokenOf(headers),
      apnsId,
      topic: topicOf(headers, connection),
      pushType: headerOf(headers, 'apns-push-type') ?? '',
      priority: headerOf(headers, 'apns-priority') ?? '',
      expiration: headerOf(headers, 'apns-expiration') ?? '',
      collapseId: headerOf(headers, 'apns-collapse-id') ?? '',
      payload: payload.toString(),
      atMs,
      connection: connection.number,
    }));
  }
}

/** The request's own id where it has a good one, else a new one. */
function apnsIdOf({ headers }: Exchange): string {
  const apnsId = headerOf(headers, 'apns-id');
  return apnsId !== undefined && isUuid(apnsId) ? apnsId : randomUUID();
}

/** What a count rule does to the request that reaches it, if it takes its answer away. */
function silenceOf(reached: CountRule): Silence | undefined {
  if (reached.do === 'drop') return { do: 'drop' };
  return reached.do === 'goaway' && reached.error !== undefined
    ? { do: 'goaway', error: reached.error }
    : undefined;
}

/** A connection that sticks at an answer, while others work. */
function stick({ do: action, status, reason }: CountRule, { connection }: Exchange): void {
  if (action === 'stick') connection.stuckAt = { status: status ?? 500, reason: reason ?? '' };
}

function refusalOf(step: Extract<Step, { do: 'answer' }>, nowMs: number): Refusal {
  const { status, reason, retryAfterSeconds, timestampOffsetMs } = step;
  const timestampMs =
    step.timestampMs ?? (timestampOffsetMs === undefined ? undefined : nowMs + timestampOffsetMs);
  return { status, reason, retryAfterSeconds, timestampMs };
}
