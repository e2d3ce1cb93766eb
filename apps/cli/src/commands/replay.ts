import { createInterface } from 'node:readline/promises';
import { pushDispatch } from '@pushfleet/shared/domain/operator-push';
import { givenId } from '@pushfleet/shared/store/given-id';
import {
  countReplay,
  REPLAYABLE,
  type ReplayableOutcome,
  type ReplayChoice,
  readReplayable,
} from '@pushfleet/shared/store/replay';
import { type Command, InvalidArgumentError } from 'commander';
import { askProducer } from '../ask-producer.ts';
import { CommandFailure } from '../failure.ts';
import { givenOne } from '../given-list.ts';
import { plural, print } from '../output.ts';
import { type Tool, withTool } from '../tool.ts';

interface ReplayFlags {
  readonly outcome: ReplayableOutcome[];
  readonly reason?: string;
  readonly yes?: boolean;
}

/** Reasons are kept of these; nobody refused who expired or was cancelled. */
const WITH_REASON: ReadonlySet<string> = new Set(['failed', 'rejected', 'retired']);

/** replay: sends again to recipients who were not accepted. */
export function addReplay(program: Command): void {
  program
    .command('replay')
    .argument('<id>', 'notification id; - reads it from stdin')
    .summary('send again to recipients that were not accepted')
    .description(
      'Sends the last round of a notification again to its recipients with the chosen outcomes, never to accepted ones. ' +
        'It says to how many, and asks first.',
    )
    .option('--outcome <outcomes>', `of ${REPLAYABLE.join(', ')}; several with commas`, outcomesOf, [
      'failed',
    ] as ReplayableOutcome[])
    .option(
      '--reason <reason>',
      "only those with this reason, APNs' or ours (pushfleet status ID shows them)",
    )
    .option('--yes', 'do not ask')
    .addHelpText(
      'after',
      '\nExamples:\n  pushfleet replay 4711\n  pushfleet replay 4711 --outcome failed,expired --yes\n  pushfleet replay 4711 --reason ServiceUnavailable',
    )
    .action(async (given: string, flags: ReplayFlags) => {
      const notificationId = await givenOne(given, 'notification id');
      const choice: ReplayChoice = { outcomes: flags.outcome, reason: flags.reason ?? null };
      const without = choice.outcomes.filter((outcome) => !WITH_REASON.has(outcome));
      if (choice.reason !== null && without.length > 0)
        throw new CommandFailure(`who is ${without.join(' or ')} has no reason; leave --reason out`, 2);
      if (flags.yes !== true && !isTerminal())
        throw new CommandFailure('there is no terminal to ask on; say --yes to send again', 2);
      await withTool((tool) => replay(tool, notificationId, choice, flags.yes === true));
    });
}

async function replay(
  tool: Tool,
  notificationId: string,
  choice: ReplayChoice,
  isSure: boolean,
): Promise<void> {
  const { store } = tool;
  if (pushDispatch(notificationId) !== null && store.backend.notificationId.kind !== 'text')
    throw new CommandFailure(`${notificationId} was sent by hand: send it again with pushfleet send`);
  const id = givenId(store.backend.notificationId, notificationId);
  const dispatch = id === null ? null : await readReplayable(store, id);
  if (dispatch === null)
    throw new CommandFailure(`there is no notification ${notificationId} that was sent, so none to replay`);
  const count = await countReplay(store, dispatch.dispatchId, choice);
  const chosen = `${choice.outcomes.join(' or ')}${choice.reason === null ? '' : ` with ${choice.reason}`}`;
  if (count === 0)
    throw new CommandFailure(`notification ${notificationId} has nobody who is ${chosen}; nothing is sent`);
  if (!isSure) {
    const question = `Send notification ${notificationId} again to ${plural(count, 'recipient')} who ${count === 1 ? 'is' : 'are'} ${chosen}? [y/N] `;
    if (!(await isConfirmed(question))) throw new CommandFailure('nothing is sent');
  }
  const { succeeded, result } = await askProducer(tool, {
    verb: 'replay',
    notificationId,
    outcomes: [...choice.outcomes],
    reason: choice.reason,
  });
  if (!succeeded) throw new CommandFailure(result);
  print(result);
}

function isTerminal(): boolean {
  return process.stdin.isTTY === true && process.stderr.isTTY === true;
}

/** Asked on stderr: stdout may go into a file. End of input means no. */
async function isConfirmed(question: string): Promise<boolean> {
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  try {
    const closed = new Promise<string>((resolve) => terminal.once('close', () => resolve('')));
    return /^\s*y(es)?\s*$/i.test(await Promise.race([terminal.question(question), closed]));
  } finally {
    terminal.close();
  }
}

function outcomesOf(text: string): ReplayableOutcome[] {
  const outcomes = text.split(',').map((word) => word.trim());
  if (outcomes.includes('accepted'))
    throw new InvalidArgumentError('who was accepted is never sent to again.');
  const known: readonly string[] = REPLAYABLE;
  if (!outcomes.every((outcome) => known.includes(outcome)))
    throw new InvalidArgumentError(`one or more of ${REPLAYABLE.join(', ')} are expected.`);
  return [...new Set(outcomes)] as ReplayableOutcome[];
}
