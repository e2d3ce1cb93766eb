const LINES = 6;

/**
 * What a process said last, for a person: the messages of its log lines (JSON) and its plain lines, without
 * the lines of a stack trace. Pure.
 */
export function lastWords(log: string): string {
  const lines = log.split('\n').filter((line) => line.trim() !== '' && !/^\s+at /.test(line));
  return lines
    .map((line) => `  ${messageOf(line)}`)
    .filter((line, at, all) => line !== all[at - 1]) // a restart says the same again
    .slice(-LINES)
    .join('\n');
}

function messageOf(line: string): string {
  try {
    const { msg, err } = JSON.parse(line) as { msg?: string; err?: { message?: string } };
    return [msg ?? line, err?.message].filter((part) => part !== undefined).join(': ');
  } catch {
    return line;
  }
}
