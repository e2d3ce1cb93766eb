import { lookup } from 'node:dns/promises';
import type { Environment } from '@pushfleet/shared/platform/config';
import { ConfigurationError } from '@pushfleet/shared/platform/config';
import { SECRETS } from '@pushfleet/shared/platform/settings';
import { type Command, Option } from 'commander';
import { ownEnvironment } from '../environment.ts';
import { CommandFailure } from '../failure.ts';
import { print } from '../output.ts';

interface CheckFlags {
  readonly secrets: boolean;
  readonly demo?: string;
}

/** What somebody who runs Pushfleet has set in any case; addresses and passwords may be a compose file's. */
const OWN = ['PUSHFLEET_APNS_', 'PUSHFLEET_APPS_FILE'];

/** check-settings: the settings of all processes, and nothing else. */
export function addCheckSettings(program: Command): void {
  program
    .command('check-settings')
    .summary('the settings of all processes, without connecting to anything')
    .description(
      'Reads the settings of producer, worker, board and tools as they would, and says in one line what is missing or wrong. Connects to nothing; doctor does. 0 when all can start, 2 otherwise.',
    )
    .option('--no-secrets', 'take for granted that the files of secrets (…_FILE) are where the processes run')
    // For docker-compose.yml: where that host is up, a demonstration runs, and nothing needs to be set.
    .addOption(new Option('--demo <host>', 'say nothing while this host is up').hideHelp())
    .addHelpText('after', '\nExample:\n  pushfleet check-settings && echo ready')
    .action(async ({ secrets, demo }: CheckFlags) => {
      const environment = ownEnvironment();
      if (isEmpty(environment)) {
        if (demo !== undefined && (await isThere(demo))) return;
        throw new CommandFailure(nothingSet(demo !== undefined), 2);
      }
      await check(secrets ? environment : withStandIns(environment));
      print(sentence(demo !== undefined, environment));
    });
}

async function check(environment: Environment): Promise<void> {
  const { checkSettings } = await import('../up/check-settings.ts');
  try {
    checkSettings(environment, { mysql: 'configured', redis: 'configured', apns: 'configured' });
  } catch (error) {
    if (error instanceof ConfigurationError) throw new CommandFailure(error.faults.join(' · '), 2);
    throw error;
  }
}

function isEmpty(environment: Environment): boolean {
  return !Object.entries(environment).some(
    ([name, value]) => OWN.some((beginning) => name.startsWith(beginning)) && isGiven(value) && !isFile(name),
  );
}

/** A compose file names the files of secrets in any case. */
function isFile(name: string): boolean {
  return SECRETS.some((secret) => name === `${secret}_FILE`);
}

function isGiven(value: string | undefined): boolean {
  return (value ?? '').trim() !== '';
}

function withStandIns(environment: Environment): Environment {
  const entries = Object.entries(environment).map(([name, value]) =>
    isFile(name) && isGiven(value) ? [name.replace(/_FILE$/, ''), 'not looked at'] : [name, value],
  );
  return Object.fromEntries(entries) as Environment;
}

function nothingSet(inCompose: boolean): string {
  return inCompose
    ? 'nothing is set: copy .env.example to .env and fill it in (app, key and its ids); or see it run without any: docker compose --profile demo up'
    : 'nothing is set: a producer needs PUSHFLEET_MYSQL_URL, PUSHFLEET_REDIS_URL, PUSHFLEET_APNS_TOPIC and PUSHFLEET_APNS_ENVIRONMENT, a worker the last three and a key (see docs/configuration.md)';
}

/** Without profiles compose starts this check only, and would say nothing about it. */
function sentence(inCompose: boolean, { COMPOSE_PROFILES: profiles }: Environment): string {
  return inCompose && profiles !== undefined && profiles.trim() === ''
    ? 'the settings can be used; COMPOSE_PROFILES in .env is empty, so nothing else starts without it or --profile (fleet, database)'
    : 'the settings of all processes can be used';
}

async function isThere(host: string): Promise<boolean> {
  return lookup(host).then(
    () => true,
    () => false,
  );
}
