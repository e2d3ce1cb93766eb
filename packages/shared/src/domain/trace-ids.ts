import { createHash } from 'node:crypto';

/**
 * Ids of a dispatch's trace are computed, never drawn: whatever process works on it, and however often it was
 * restarted meanwhile, finds the same ones, and no job or result has to carry them.
 */
export interface TracedDispatch {
  /** The installation: two of them number their dispatches alike and may share a collector. */
  readonly fleet: string;
  readonly dispatch: number;
}

interface QueuedBatch {
  readonly seq: number;
  readonly generation: number;
}

/** 32 hex digits. The last 14 are as random as a sampler by trace id needs them (W3C Trace Context 2). */
export function traceIdOf(of: TracedDispatch): string {
  return digest(of, 'trace').slice(0, 32);
}

/** The span that every other span of the trace is below: the claim, or the wish of an operator. 16 hex digits. */
export function rootSpanId(of: TracedDispatch): string {
  return digest(of, 'root').slice(0, 16);
}

/** The span in which this generation of a batch went to Redis. */
export function sendSpanId(of: TracedDispatch, { seq, generation }: QueuedBatch): string {
  return digest(of, `send ${seq} ${generation}`).slice(0, 16);
}

/** @param start which start of its job the run is, from 1 on */
export function runSpanId(of: TracedDispatch, { seq, generation }: QueuedBatch, start: number): string {
  return digest(of, `run ${seq} ${generation} ${start}`).slice(0, 16);
}

function digest({ fleet, dispatch }: TracedDispatch, what: string): string {
  return createHash('sha256').update(`pushfleet\n${fleet}\n${dispatch}\n${what}`).digest('hex');
}
