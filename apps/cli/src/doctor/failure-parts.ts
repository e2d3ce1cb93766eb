import { describeFailure } from '../failure.ts';

/** What a command would say of MySQL's refusal: what happened, what to do. */
export function failureParts(error: unknown): [what: string, mend: string] {
  const { message } = describeFailure(error);
  const cut = /^(.*?)[;:] ((?:mend|give|make|start) .*)$/s.exec(message);
  return [cut?.[1] ?? message.split('\n')[0]!, cut?.[2] ?? 'mend PUSHFLEET_MYSQL_URL'];
}
