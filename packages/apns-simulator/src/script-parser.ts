import type * as z from 'zod/mini';
import type { Rule } from './rule.ts';
import { ScriptError } from './script-error.ts';
import { type CheckedRule, ruleSchema } from './script-rules.ts';
import { ScriptWords } from './script-words.ts';

type Fields = Record<string, unknown>;

/** Reads a script, text with one rule a line (blank lines and # comments apart) or typed rules. Throws ScriptError. */
export function readScript(script: string | readonly Rule[]): CheckedRule[] {
  if (typeof script !== 'string') {
    return script.map((rule, index) => checked(rule, `script rule ${index + 1} ${JSON.stringify(rule)}`));
  }
  const rules: CheckedRule[] = [];
  for (const [index, line] of script.split('\n').entries()) {
    const text = line.replace(/#.*/, '').trim();
    if (text !== '') rules.push(readLine(text, `script line ${index + 1} "${text}"`));
  }
  return rules;
}

function readLine(text: string, where: string): CheckedRule {
  let rule: Fields;
  try {
    const words = new ScriptWords(text);
    rule = readRule(words);
    if (!words.isAtEnd) throw new Error(`"${words.peek()}" is not understood here`);
  } catch (error) {
    throw new ScriptError(where, (error as Error).message);
  }
  return checked(rule, where);
}

function checked(rule: unknown, where: string): CheckedRule {
  const result = ruleSchema.safeParse(rule);
  if (result.success) return result.data;
  throw new ScriptError(where, deepestProblem(result.error.issues));
}

/** zod tells of a union what each branch missed; the branch with the fewest faults is the one meant. */
function deepestProblem(issues: readonly z.core.$ZodIssue[]): string {
  const issue = issues[0]!;
  if (issue.code === 'invalid_union' && issue.errors.length > 0) {
    const branches = issue.errors.filter((branch) => branch.length > 0);
    const meant = branches.sort((one, other) => faultWeight(one) - faultWeight(other))[0];
    if (meant !== undefined) return deepestProblem(meant);
  }
  return issue.path.length > 0 ? `${issue.path.join('.')}: ${issue.message}` : issue.message;
}

function faultWeight(branch: readonly z.core.$ZodIssue[]): number {
  return branch.length + (branch.some((issue) => issue.code === 'unrecognized_keys') ? 10 : 0);
}

function readRule(words: ScriptWords): Fields {
  const kind = words.take('the rule');
  if (kind === 'device') return { device: words.take('the device pattern'), steps: readSteps(words) };
  if (kind === 'after' || kind === 'every') return readCountRule(words, kind === 'every');
  if (kind === 'streams') return { streams: words.takeNumber('the number of streams') };
  if (kind === 'all' && words.takeIf('latency')) return { latencyMs: words.takeDuration('the latency') };
  throw new Error('a rule starts with "device", "after", "every", "streams" or "all latency"');
}

function readCountRule(words: ScriptWords, repeats: boolean): Fields {
  const after = words.takeNumber('the count');
  const rule = { after, of: words.take('"accepted" or "requests"'), ...(repeats ? { repeats } : {}) };
  const action = words.take('what happens then');
  if (action === 'drop') return { ...rule, do: action };
  if (action === 'goaway') return { ...rule, do: action, ...readError(words) };
  if (action === 'streams')
    return { ...rule, do: action, streams: words.takeNumber('the number of streams') };
  if (action === 'stick') return { ...rule, do: action, ...readStatus(words) };
  throw new Error(`"${action}" is none of drop, goaway, streams, stick`);
}

function readSteps(words: ScriptWords): Fields[] {
  const steps: Fields[] = [];
  do {
    steps.push(readStep(words));
  } while (words.takeIf('then'));
  return steps;
}

function readStep(words: ScriptWords): Fields {
  const delay = words.takeIf('delay') ? { delayMs: words.takeDuration('the delay') } : {};
  const endsWithDelay = 'delayMs' in delay && (words.isAtEnd || ['times', 'then'].includes(words.peek()));
  const action = endsWithDelay ? { do: 'accept' } : readAction(words);
  const times = words.takeIf('times') ? { times: words.takeNumber('the number after "times"') } : {};
  return { ...action, ...delay, ...times };
}

function readAction(words: ScriptWords): Fields {
  const action = words.take('what happens to the request');
  switch (action) {
    case 'accept':
    case 'refuse':
      return { do: action };
    case 'answer':
      return readAnswer(words);
    case 'silence':
    case 'drop':
      return { do: action, ...readAccepted(words) };
    case 'reset':
    case 'goaway':
      return { do: action, ...readError(words), ...readAccepted(words) };
    default:
      throw new Error(`"${action}" is none of accept, answer, delay, reset, refuse, silence, drop, goaway`);
  }
}

function readAnswer(words: ScriptWords): Fields {
  const answer: Fields = { do: 'answer', ...readStatus(words) };
  if (words.takeIf('timestamp')) {
    if (/^\d+$/.test(words.peek())) answer.timestampMs = words.takeNumber('the timestamp');
    else answer.timestampOffsetMs = words.takeDuration('the timestamp', true);
  }
  if (words.takeIf('retry-after'))
    answer.retryAfterSeconds = words.takeNumber('the seconds after "retry-after"');
  return answer;
}

function readStatus(words: ScriptWords): Fields {
  const status = words.takeNumber('the status');
  return { status, ...(/^[A-Z]/.test(words.peek()) ? { reason: words.take('the reason') } : {}) };
}

function readError(words: ScriptWords): Fields {
  return words.takeIf('error') ? { error: words.take('the name of the error') } : {};
}

function readAccepted(words: ScriptWords): Fields {
  return words.takeIf('accepted') ? { accepted: true } : {};
}
