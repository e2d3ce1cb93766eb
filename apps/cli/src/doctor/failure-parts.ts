import { describeFailure } from '../failure.ts';

/** What a command would say of MySQL's refusal: what happened, what to do. */
export function failureParts(error: unknown): [what: string, note: string] {
  const { message } = describeFailure(error);
  const cut = /^(.*?)[;:] ((?:mend|give|make|start) .*)$/s.exec(message);
  return [cut?.[1] ?? message.split('\n')[0]!, cut?.[2] ?? 'mend what the message is about'];
}
