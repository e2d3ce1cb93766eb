import { normalizeDeviceToken, whyMalformed } from '@pushfleet/shared/domain/device-token';
import { requestOfRow } from '@pushfleet/shared/domain/row-request';
import type { Command, CommandResult } from '@pushfleet/shared/store/commands';
import { createPush } from '@pushfleet/shared/store/operator-push';
import { newNonce } from './claim-due-rows.ts';
import type { ProducerContext } from './producer-context.ts';
import { tracePush } from './producer-spans.ts';

/** Who sends by hand looks at the device now: a push of an hour ago would only puzzle. */
const LIFETIME_MS = 3_600_000;

/**
 * send: one push to one device token, by the rules of a row, with the app's topic and defaults. No table of
 * the backend is read or written; from here on it is a dispatch as any other, of one recipient.
 */
export async function sendPush(
  context: ProducerContext,
  commandId: number,
  command: Extract<Command, { verb: 'send' }>,
): Promise<CommandResult> {
  const { store, rules } = context;
  const startedAt = Date.now();
  const deviceToken = normalizeDeviceToken(command.deviceToken);
  if (deviceToken === null) return failed(whyMalformed(command.deviceToken));
  const { alert, app } = command;
  const built = requestOfRow(
    {
      message: alert,
      messageBytes: Buffer.byteLength(alert ?? ''),
      columns: { app },
      options: JSON.stringify(command.options),
    },
    rules,
  );
  if (!built.ok) return failed(built.error);
  const push = {
    commandId,
    request: { ...built.request, deviceToken },
    lifetimeMs: LIFETIME_MS,
    nonce: newNonce(),
  };
  const name = await createPush(store, push);
  if (name === null) return failed('its time is over: it was asked for an hour ago, or has expired');
  tracePush(context, name, built.request.app, startedAt);
  return { succeeded: true, result: name };
}

function failed(result: string): CommandResult {
  return { succeeded: false, result };
}
