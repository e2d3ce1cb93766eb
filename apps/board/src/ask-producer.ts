import { type Command, readCommandResult, requestCommand } from '@pushfleet/shared/store/commands';
import type { Store } from '@pushfleet/shared/store/store';

const PATIENCE_MS = 5_000;

/** Leaves a wish for the producers and waits a few seconds for what comes of it: a sentence for who asked. */
export async function askProducer(store: Store, command: Command, user: string): Promise<string> {
  const id = await requestCommand(store, command, `board: ${user}`);
  for (const until = Date.now() + PATIENCE_MS; Date.now() < until; ) {
    const result = await readCommandResult(store, id);
    if (result !== null) return result.result;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  return `No producer has answered yet; the wish is kept (number ${id}).`;
}
