import { hostname, userInfo } from 'node:os';
import { loadConfig } from '@pushfleet/shared/platform/config';
import {
  type Command,
  type CommandResult,
  readCommandResult,
  requestCommand,
} from '@pushfleet/shared/store/commands';
import { CommandFailure } from './failure.ts';
import type { Tool } from './tool.ts';

const PATIENCE_MS = 10_000;
const LOOK_EVERY_MS = 100;

/**
 * Asks the producer for something: writes the wish into MySQL, wakes the producer where Redis is
 * configured, and waits for its answer.
 *
 * @throws CommandFailure when no producer answers in time
 */
export async function askProducer(tool: Tool, command: Command): Promise<CommandResult> {
  const id = await requestCommand(tool.store, command, `cli: ${person()}`);
  void wakeProducer(tool);
  const until = Date.now() + PATIENCE_MS;
  for (;;) {
    const result = await readCommandResult(tool.store, id);
    if (result !== null) return result;
    if (Date.now() >= until) break;
    await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS));
  }
  throw new CommandFailure(
    `no producer answered within ${PATIENCE_MS / 1000} s. The command is kept (number ${id} in pushfleet_command) ` +
      'and is carried out as soon as a producer runs: pushfleet producer',
  );
}

/** The producer's poll finds the wish anyway: a wake that fails costs half a second. */
async function wakeProducer({ environment }: Tool): Promise<void> {
  if ((environment.PUSHFLEET_REDIS_URL ?? '').trim() === '') return;
  try {
    const config = loadConfig(REDIS_SETTINGS, environment);
    const { connectRedis, readCa } = await import('@pushfleet/shared/queue/redis-connection');
    const { wakeChannel } = await import('@pushfleet/shared/queue/keys');
    const { createLog } = await import('@pushfleet/shared/platform/log');
    const redis = connectRedis(
      {
        target: config.PUSHFLEET_REDIS_URL,
        password: config.PUSHFLEET_REDIS_PASSWORD,
        ca: readCa(config.PUSHFLEET_REDIS_CA_FILE),
        log: createLog('cli', { level: 'silent', format: 'json' }),
      },
      'working',
    );
    const patience = setTimeout(() => redis.disconnect(), 2_000);
    await redis.publish(wakeChannel(config.PUSHFLEET_REDIS_PREFIX), 'command').catch(() => {});
    clearTimeout(patience);
    redis.disconnect();
  } catch {
    // See above.
  }
}

const REDIS_SETTINGS = [
  'PUSHFLEET_REDIS_URL',
  'PUSHFLEET_REDIS_PASSWORD',
  'PUSHFLEET_REDIS_CA_FILE',
  'PUSHFLEET_REDIS_PREFIX',
] as const;

function person(): string {
  try {
    return `${userInfo().username}@${hostname()}`;
  } catch {
    // A container's user may have no name.
    return `uid ${process.getuid?.() ?? '?'}@${hostname()}`;
  }
}
