import { normalizeDeviceToken, whyMalformed } from '@pushfleet/shared/domain/device-token';
import { pushDispatch } from '@pushfleet/shared/domain/operator-push';
import { readAppStatus } from '@pushfleet/shared/store/app-status';
import { type DeviceOutcome, readPushOutcome } from '@pushfleet/shared/store/device-outcome';
import { type Command, InvalidArgumentError } from 'commander';
import { askProducer } from '../ask-producer.ts';
import { chooseApp } from '../choose-app.ts';
import { CommandFailure } from '../failure.ts';
import { givenOne } from '../given-list.ts';
import { givenDuration } from '../given-values.ts';
import { colors, print, printJson } from '../output.ts';
import { type Tool, withTool } from '../tool.ts';

const DEFAULT_WAIT_MS = 30_000;
const LOOK_EVERY_MS = 100;

interface SendFlags {
  readonly deviceToken?: string;
  readonly alert?: string;
  readonly app?: string;
  readonly title?: string;
  readonly badge?: number;
  readonly sound?: string;
  readonly payload?: Record<string, unknown>;
  readonly pushType?: string;
  readonly priority?: number;
  readonly collapseId?: string;
  readonly wait: number;
  readonly json?: boolean;
}

/** send: one push through the fleet, to see whether it arrives. */
export function addSend(program: Command): void {
  program
    .command('send')
    .summary('one push to one device token, through the fleet')
    .description(
      'Sends one push through producer, Redis and worker, waits for what APNs answers and prints it: 0 accepted, 1 anything else. No table of the backend is read or changed, and the device token is never switched off.',
    )
    .option('--device-token <device-token>', 'in any spelling; - reads it from stdin')
    .option('--alert <text>', 'the text that the device shows')
    .option('--app <app>', 'may be left out where there is one app')
    .option('--title <text>', 'above the text')
    .option('--badge <number>', "in place of the app's", wholeNumber)
    .option('--sound <name>', "in place of the app's")
    .option('--payload <json>', 'keys beside aps, or a whole payload with aps', jsonObject)
    .option('--push-type <type>', 'alert, background, …')
    .option('--priority <number>', '10, 5 or 1', wholeNumber)
    .option('--collapse-id <id>', 'replaces an earlier push with the same one')
    .option('--wait <duration>', 'how long to wait for the outcome', givenDuration, DEFAULT_WAIT_MS)
    .option('--json', 'one JSON document')
    .addHelpText(
      'after',
      '\nExamples:\n  pushfleet send --device-token 740f4707bebcf74f… --alert "Hello"\n  pushfleet send --device-token - --alert "Hello" --json < device-token.txt\n  pushfleet send --device-token 740f… --payload \'{"aps":{"content-available":1}}\'',
    )
    .action(async (flags: SendFlags) => {
      const { deviceToken: given } = flags;
      // Not an option that is required: then a misspelt one would be told to be missing, without the right spelling.
      if (given === undefined)
        throw new CommandFailure('say to which device: --device-token T, or - for stdin', 2);
      const value = given === '-' ? await givenOne('-', 'device token') : given;
      const deviceToken = normalizeDeviceToken(value);
      if (deviceToken === null) throw new CommandFailure(`--device-token: ${whyMalformed(value)}`, 2);
      if (flags.alert === undefined && flags.title === undefined && flags.payload === undefined)
        throw new CommandFailure('say what to send: --alert TEXT, or --payload with an aps of its own', 2);
      await withTool((tool) => send(tool, deviceToken, flags));
    });
}

async function send(tool: Tool, deviceToken: string, flags: SendFlags): Promise<void> {
  const { alert, title, badge, sound, payload, pushType, priority, collapseId } = flags;
  const app = await chooseApp(tool, flags.app);
  const options = JSON.parse(
    JSON.stringify({ title, badge, sound, payload, pushType, priority, collapseId }),
  ) as Record<string, unknown>;
  const asked = await askProducer(tool, { verb: 'send', app, deviceToken, alert: alert ?? null, options });
  if (!asked.succeeded) throw new CommandFailure(`nothing was sent: ${asked.result}`);
  const name = asked.result;
  const outcome = await waitForOutcome(tool, pushDispatch(name)!, deviceToken, flags.wait);
  process.exitCode = outcome.outcome === 'accepted' ? 0 : 1;
  if (flags.json === true) return printJson({ notificationId: name, app, ...outcome });
  if (outcome.outcome === 'waiting')
    throw new CommandFailure(
      `${name} has no outcome after ${flags.wait / 1_000} s: ${await whyWaiting(tool, app, outcome)}. ` +
        `It may still be sent: pushfleet status ${name} shows it, pushfleet cancel ${name} stops it`,
    );
  print(outcomeSentence(name, outcome));
}

async function waitForOutcome(
  { store }: Tool,
  dispatchId: number,
  deviceToken: string,
  waitMs: number,
): Promise<DeviceOutcome> {
  const until = Date.now() + waitMs;
  for (;;) {
    const outcome = await readPushOutcome(store, dispatchId, deviceToken);
    if (outcome.outcome !== 'waiting' || Date.now() >= until) return outcome;
    await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS));
  }
}

function outcomeSentence(name: string, { outcome, status, reason, attempts, apnsId }: DeviceOutcome): string {
  if (outcome === 'accepted')
    return `${name} ${colors.green('accepted')} by APNs, apns-id ${apnsId}; APNs does not tell what a device shows`;
  const answer = reason === null ? '' : `: ${reason}${status ? ` (${status})` : ''}`;
  const tried = attempts !== null && attempts > 1 ? ` after ${attempts} attempts` : '';
  return `${name} ${colors.red(outcome ?? 'unknown')}${answer}${tried}, apns-id ${apnsId}`;
}

async function whyWaiting(tool: Tool, app: string, { reason }: DeviceOutcome): Promise<string> {
  const apps = await readAppStatus(tool.store, tool.config.PUSHFLEET_RATE_PER_SECOND);
  const own = apps.find((one) => one.app === app);
  if (own?.paused === true)
    return `${app} is paused by ${own.pausedBy ?? 'somebody'} (pushfleet resume ${app})`;
  const stopped = own?.stopped[0];
  if (stopped !== undefined) return `APNs refuses the credential of ${app} (${stopped.reason})`;
  return reason === null
    ? 'is a worker of this app running (pushfleet worker)?'
    : `APNs said ${reason}, it is tried again`;
}

function wholeNumber(text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw new InvalidArgumentError('a whole number is expected.');
  return Number(text);
}

function jsonObject(text: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === 'object' && value !== null && !Array.isArray(value))
      return value as Record<string, unknown>;
  } catch {
    // Said below.
  }
  throw new InvalidArgumentError('a JSON object is expected.');
}
