import { normalizeDeviceToken, whyMalformed } from '@pushfleet/shared/domain/device-token';
import type { RowRules } from '@pushfleet/shared/domain/row-request';
import type { Environment } from '@pushfleet/shared/platform/config';
import { readApps } from '@pushfleet/shared/store/apps';
import { type Explanation, explain } from '@pushfleet/shared/store/explain';
import type { Command } from 'commander';
import { CommandFailure } from '../failure.ts';
import { givenOne } from '../given-list.ts';
import { colors, print, printJson } from '../output.ts';
import { statusRules, type Tool, withTool } from '../tool.ts';

/** explain: audience, exact request, outcomes; what happened to one device. */
export function addExplain(program: Command): void {
  program
    .command('explain')
    .argument('<id>', 'notification id; - reads it from stdin')
    .summary('audience, exact request and outcomes of a notification')
    .description(
      'Shows how the audience of a notification became recipients, what exactly APNs gets, and the outcomes; with a device token, what happened to that device.',
    )
    .option('--device-token <device-token>', 'in any spelling; - reads it from stdin')
    .option('--json', 'one JSON document')
    .addHelpText(
      'after',
      '\nExamples:\n  pushfleet explain 4711\n  pushfleet explain 4711 --device-token 740f4707bebcf74f… --json',
    )
    .action(async (given: string, flags: { deviceToken?: string; json?: boolean }) => {
      const id = await givenOne(given, 'notification id');
      const deviceToken = await readDeviceToken(flags.deviceToken);
      await withTool(async (tool) => {
        const rows = await rowRules(tool);
        const rules = { ...statusRules(tool), rows };
        const explanation = await explain(tool.store, id, rules, deviceToken);
        if (explanation === null)
          throw new CommandFailure(`there is no notification ${id}; pushfleet status shows the newest ones`);
        if (flags.json === true) printJson(explanation);
        else print(explanationView(explanation));
      });
    });
}

async function readDeviceToken(given: string | undefined): Promise<string | undefined> {
  if (given === undefined) return undefined;
  // What iOS printed has blanks in it: only one from stdin is split.
  const value = given === '-' ? await givenOne('-', 'device token') : given;
  const deviceToken = normalizeDeviceToken(value);
  if (deviceToken === null) throw new CommandFailure(`--device-token: ${whyMalformed(value)}`, 2);
  return deviceToken;
}

/** How a row would become a request, as far as settings or a producer that has run say which apps there are. */
async function rowRules({ store, config, environment }: Tool): Promise<RowRules | null> {
  const apps = (await configuredApps(environment)) ?? (await registeredApps(store));
  if (apps.length === 0) return null;
  return {
    apps,
    defaultApp: apps.length === 1 ? apps[0]!.name : config.PUSHFLEET_APP,
    zone: config.PUSHFLEET_TIMEZONE,
    expiryIsDateTime: store.backend.expiryIsDateTime,
  };
}

async function configuredApps(environment: Environment): Promise<RowRules['apps'] | null> {
  const has = (name: string) => (environment[name] ?? '').trim() !== '';
  const isConfigured =
    has('PUSHFLEET_APPS_FILE') || (has('PUSHFLEET_APNS_TOPIC') && has('PUSHFLEET_APNS_ENVIRONMENT'));
  if (!isConfigured || !has('PUSHFLEET_REDIS_URL')) return null;
  const producer = await import('@pushfleet/app-producer/producer-config');
  return producer.readApps(producer.loadProducerConfig(environment));
}

async function registeredApps(store: Tool['store']): Promise<RowRules['apps']> {
  const { plainApp } = await import('@pushfleet/shared/domain/apps');
  return (await readApps(store)).map(({ app, topic, environment }) => plainApp(app, topic, environment));
}

function explanationView({
  notificationId,
  state,
  error,
  audience,
  request,
  outcomes,
  deviceToken,
}: Explanation) {
  const lines = [colors.bold(`notification ${notificationId}: ${state}`)];
  if (error !== null) lines.push(colors.red(error));
  lines.push('', colors.bold('Audience'), ...pairs(audience));
  if (request === null) lines.push('', 'No request: nothing is known that could be sent.');
  else {
    lines.push('', colors.bold('Request'), ...pairs(request.headers));
    lines.push(`  payload, ${request.payloadBytes} bytes:`, `  ${JSON.stringify(request.payload)}`);
  }
  lines.push('', colors.bold('Outcomes'), ...pairs(outcomes));
  if (deviceToken !== undefined) lines.push('', colors.bold('Device token'), ...pairs(deviceToken));
  return lines.join('\n');
}

function pairs(object: object): string[] {
  return Object.entries(object)
    .filter(([, value]) => value !== null)
    .map(([name, value]) => `  ${`${name}:`.padEnd(18)} ${value}`);
}
