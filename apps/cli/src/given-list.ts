import { CommandFailure } from './failure.ts';

/**
 * The ids or device tokens that a command was given, where `-` stands for those on stdin, separated by
 * white space.
 *
 * @throws CommandFailure when there are none
 */
export async function givenList(values: readonly string[], what: string): Promise<string[]> {
  const list: string[] = [];
  for (const value of values) {
    if (value === '-') list.push(...(await readStdin()));
    else list.push(value);
  }
  if (list.length === 0) throw new CommandFailure(`stdin has no ${what}; one per line is expected`, 2);
  return [...new Set(list)];
}

/** One value; of `-` the only one on stdin. */
export async function givenOne(value: string, what: string): Promise<string> {
  const list = await givenList([value], what);
  if (list.length > 1)
    throw new CommandFailure(`this command takes one ${what}, stdin has ${list.length}`, 2);
  return list[0]!;
}

async function readStdin(): Promise<string[]> {
  let text = '';
  process.stdin.setEncoding('utf8');
  for await (const chunk of process.stdin) text += chunk;
  return text.split(/\s+/).filter((word) => word !== '');
}
