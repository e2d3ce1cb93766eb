import { defaultLifetimeMs } from '@pushfleet/shared/domain/due-window';
import { pushDispatch } from '@pushfleet/shared/domain/operator-push';
import { withoutSecrets } from '@pushfleet/shared/platform/log';
import { pauseApp, readApps, resumeApp, setAppRate } from '@pushfleet/shared/store/apps';
import {
  type Command,
  type CommandResult,
  finishCommand,
  readPendingCommands,
  takeCommand,
} from '@pushfleet/shared/store/commands';
import { releaseDispatch } from '@pushfleet/shared/store/holds';
import { restoreDevices } from '@pushfleet/shared/store/retirements';
import { cancelDispatch, cancelUnclaimed, readLastDispatch } from '@pushfleet/shared/store/settle';
import type { Store } from '@pushfleet/shared/store/store';
import { closeBreakers } from './breakers.ts';
import { backendZone } from './claim-due-rows.ts';
import type { ProducerContext } from './producer-context.ts';
import { replay } from './replay.ts';
import { sendPush } from './send-push.ts';

/** Carries out what operators asked for, each once, and writes the result beside the wish. */
export async function executeCommands(context: ProducerContext, onDone: () => void): Promise<boolean> {
  const { store, log } = context;
  const pending = await readPendingCommands(store, 20);
  for (const { id, verb, command, by } of pending) {
    if (!(await takeCommand(store, id))) continue;
    const work = command === null ? unknownCommand(verb) : execute(context, id, command, by);
    const result = await work.catch(
      (error: Error): CommandResult => ({
        succeeded: false,
        result: `it failed: ${withoutSecrets(error.message)}`,
      }),
    );
    await finishCommand(store, id, result);
    log.info(
      { event: 'command.executed', commandId: id, verb: command?.verb, by, succeeded: result.succeeded },
      'operator command executed',
    );
    onDone();
  }
  return pending.length > 0;
}

async function execute(
  context: ProducerContext,
  commandId: number,
  command: Command,
  by: string,
): Promise<CommandResult> {
  const { store } = context;
  switch (command.verb) {
    case 'pause':
      return ofApp(store, command.app, await pauseApp(store, command.app, by), `${command.app} is paused`);
    case 'resume':
      return resume(context, command.app);
    case 'resumeNotification':
      return resumeNotification(store, command.notificationId, by);
    case 'rate':
      return ofApp(
        store,
        command.app,
        await setAppRate(store, command.app, command.perSecond),
        rateSentence(command),
      );
    case 'cancel':
      return cancel(context, command.notificationId, by);
    case 'replay':
      return replay(context, commandId, command);
    case 'send':
      return sendPush(context, commandId, command);
    case 'restoreDevices': {
      const restored = await restoreDevices(store, command.tokenIds);
      return {
        succeeded: restored.length > 0,
        result: `${restored.length} of ${command.tokenIds.length} device tokens switched on again`,
      };
    }
  }
}

/** Who asks may be newer than this producer. */
async function unknownCommand(verb: string): Promise<CommandResult> {
  const name = verb.replace(/[^\w-]/g, '').slice(0, 32);
  return {
    succeeded: false,
    result: `this producer does not know the command ${name} with these arguments; is it older than who asks? Upgrade the producers and ask again`,
  };
}

/** Lifts the pause and closes the breakers: each by itself, for one may be there without the other. */
async function resume(context: ProducerContext, app: string): Promise<CommandResult> {
  const found = await resumeApp(context.store, app);
  if (!found) return ofApp(context.store, app, found, '');
  try {
    const closed = await closeBreakers(context, app);
    const tried = closed === 0 ? '' : '; the credential that APNs refused is tried again';
    return { succeeded: true, result: `${app} sends again${tried}` };
  } catch {
    return {
      succeeded: false,
      result: `${app} is not paused any more, but Redis cannot be reached: what APNs refuses stays stopped until a probe passes`,
    };
  }
}

async function resumeNotification(store: Store, notificationId: string, by: string): Promise<CommandResult> {
  const last = await readLastDispatch(store, notificationId);
  if (last !== null && (await releaseDispatch(store, last.dispatchId, by)))
    return { succeeded: true, result: `notification ${notificationId} is sent on, and not held again` };
  return {
    succeeded: false,
    result:
      last === null
        ? `there is no notification ${notificationId} under way`
        : `notification ${notificationId} is not held, it is ${last.state}`,
  };
}

async function ofApp(store: Store, app: string, found: boolean, sentence: string): Promise<CommandResult> {
  if (found) return { succeeded: true, result: sentence };
  const apps = await readApps(store);
  return {
    succeeded: false,
    result: `there is no app "${app}"; there is: ${apps.map((row) => row.app).join(', ')}`,
  };
}

function rateSentence({ app, perSecond }: { app: string; perSecond: number | null }): string {
  if (perSecond === null) return `${app} sends at the rate of the settings`;
  return perSecond === 0
    ? `${app} sends without a limit`
    : `${app} sends at most ${perSecond} pushes per second`;
}

async function cancel(context: ProducerContext, notificationId: string, by: string): Promise<CommandResult> {
  const { store, config, rules } = context;
  let last = await readLastDispatch(store, notificationId);
  if (last !== null && (await cancelDispatch(store, last.dispatchId, by)))
    return { succeeded: true, result: `notification ${notificationId} is being cancelled` };
  // An operator's push has no row that could be claimed.
  if (pushDispatch(notificationId) !== null && store.backend.notificationId.kind !== 'text')
    return notCancelled(notificationId, last?.state);
  // Not claimed yet, for the first time or for another round.
  const claimed = {
    app: rules.defaultApp,
    zone: backendZone(context),
    lifetimeMs: defaultLifetimeMs(config.PUSHFLEET_MAX_AGE),
  };
  if (await cancelUnclaimed(store, notificationId, by, claimed, last))
    return { succeeded: true, result: `notification ${notificationId} is cancelled; nothing of it was sent` };
  // Claimed at this very moment?
  last = await readLastDispatch(store, notificationId);
  if (last !== null && (await cancelDispatch(store, last.dispatchId, by)))
    return { succeeded: true, result: `notification ${notificationId} is being cancelled` };
  return notCancelled(notificationId, last?.state);
}

function notCancelled(notificationId: string, state: string | undefined): CommandResult {
  const result =
    state === undefined
      ? `there is no unsent notification ${notificationId}`
      : `notification ${notificationId} is ${state} already`;
  return { succeeded: false, result };
}
