import { readApps } from '@pushfleet/shared/store/apps';
import { CommandFailure } from './failure.ts';
import type { Tool } from './tool.ts';

/**
 * The app that a command is for: the given one, or the only one.
 * @throws CommandFailure naming the apps
 */
export async function chooseApp({ store }: Tool, given: string | undefined): Promise<string> {
  const names = (await readApps(store)).map(({ app }) => app);
  if (names.length === 0)
    throw new CommandFailure(
      'no app is known yet: a producer registers its apps when it starts (pushfleet producer)',
    );
  if (given === undefined) {
    if (names.length === 1) return names[0]!;
    throw new CommandFailure(`there are several apps, say which one: ${names.join(', ')}`, 2);
  }
  if (names.includes(given)) return given;
  throw new CommandFailure(`there is no app "${given}"; there is: ${names.join(', ')}`);
}
