/** What a script is made of when it is given as objects. Without a library's types: it is part of the public interface. */

interface Common {
  /** How many requests of one device token the step takes; the last step takes all that follow. */
  times?: number;
  /** Milliseconds that it waits before it acts. */
  delayMs?: number;
}

interface PerhapsAccepted {
  /** The push counts as accepted although its answer never arrives. */
  accepted?: boolean;
}

/** APNs refuses: a status from 400 to 599. */
export interface AnswerStep extends Common {
  do: 'answer';
  status: number;
  /** Default '': no body, as a proxy in between would answer. */
  reason?: string;
  /** Milliseconds since 1970, or relative to the answer's moment; a 410 without either says now. */
  timestampMs?: number;
  timestampOffsetMs?: number;
  retryAfterSeconds?: number;
}

/** One thing that happens to a request of a device token. Errors are names of RFC 9113, section 7: `ENHANCE_YOUR_CALM`. */
export type Step =
  | (Common & { do: 'accept' })
  | AnswerStep
  | (Common & PerhapsAccepted & { do: 'reset'; error?: string })
  | (Common & { do: 'refuse' })
  | (Common & PerhapsAccepted & { do: 'silence' })
  | (Common & PerhapsAccepted & { do: 'drop' })
  | (Common & PerhapsAccepted & { do: 'goaway'; error?: string });

/** What happens to the requests of some device tokens, one step after the other. */
export interface DeviceRule {
  /** A device token, or its beginning and `*`. */
  device: string;
  steps: Step[];
}

/** What happens when so many pushes were accepted, or requests came. */
export interface CountRule {
  after: number;
  of: 'accepted' | 'requests';
  /** Again after each further so many. */
  repeats?: boolean;
  do: 'drop' | 'goaway' | 'streams' | 'stick';
  error?: string;
  streams?: number;
  /** What the connection that reached the number answers from then on, whatever is asked. */
  status?: number;
  reason?: string;
}

/** One rule of a script: for device tokens, after a number of pushes, or a setting that holds at once. */
export type Rule = DeviceRule | CountRule | { latencyMs: number } | { streams: number };
