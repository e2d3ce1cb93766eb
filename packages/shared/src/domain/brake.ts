/**
 * Refusals that accuse a device token and are as often our own fault: of another environment or topic every
 * device token is refused like this. A 410 is no such: only APNs knows which app was deleted.
 */
export const BRAKE_REASONS: ReadonlySet<string> = new Set(['BadDeviceToken', 'DeviceTokenNotForTopic']);

/** What APNs has answered about one notification so far. */
export interface BrakeFigures {
  /** Answers with one of the reasons above, by reason. */
  readonly accused: { readonly [reason: string]: number };
  /** All answers that settled a recipient: accepted, rejected or retired. */
  readonly answers: number;
}

export interface BrakeRule {
  /** From 0 to 1: more than this share of the answers is unusual. */
  readonly share: number;
  /** Fewer answers say nothing. */
  readonly minAnswers: number;
}

/** Null, or the sentence that says why so unusual a notification is held. */
export function brakeSentence({ accused, answers }: BrakeFigures, rule: BrakeRule): string | null {
  const counts = Object.entries(accused).filter(([reason]) => BRAKE_REASONS.has(reason));
  const sum = counts.reduce((total, [, count]) => total + count, 0);
  if (answers < rule.minAnswers || sum <= rule.share * answers) return null;
  const [worst] = counts.sort((a, b) => b[1] - a[1])[0]!;
  const percent = Math.round((100 * sum) / answers);
  const cause =
    worst === 'BadDeviceToken'
      ? 'most likely the wrong environment (production or sandbox)'
      : 'most likely the wrong topic';
  return `${sum} of ${answers} answers (${percent} %) refuse the device token with ${counts.map(([reason]) => reason).join(' or ')}: ${cause}`;
}
