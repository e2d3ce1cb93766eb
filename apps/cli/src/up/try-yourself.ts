import { relative } from 'node:path';
import { findExecutable } from '@pushfleet/local-servers/find-executable';
import { wallTime } from '@pushfleet/shared/domain/wall-time';
import { colors } from '../output.ts';
import { SAMPLE_GROUPS, sampleRows } from './sample-devices.ts';

export interface HintOptions {
  readonly boardUrl: string;
  readonly boardUser: string | undefined;
  /** Undefined where MySQL is the caller's own. */
  readonly mysql:
    | {
        readonly port: number;
        readonly socketPath: string | undefined;
        readonly database: string;
        readonly client?: string;
      }
    | undefined;
  readonly sample: boolean;
  readonly zone: string;
  /** In the container "demo" of docker-compose.yml: commands are called from outside. */
  readonly inCompose: boolean;
}

/** The row of one of the devices that the SQL below sends to. */
const DEVICE = sampleRows().find(({ id, active }) => active && SAMPLE_GROUPS[3]!.has(id))!.id;

/** What to do next, ready to be copied. */
export function hints(options: HintOptions): string {
  const password = options.inCompose ? 'its password is demo' : 'with your password';
  const login = options.boardUser === undefined ? '' : ` (user ${options.boardUser}, ${password})`;
  const tools = options.inCompose ? 'docker compose exec demo pushfleet' : 'npx pushfleet';
  return [
    '',
    `  ${colors.bold('Board')}      ${colors.cyan(options.boardUrl)}${login}`,
    `  ${colors.bold('Status')}     ${tools} status`,
    ...(options.sample ? [`  ${colors.bold('Device')}     ${tools} device ${DEVICE}`] : []),
    ...(options.mysql === undefined ? [] : ['', ...sqlHint(options, options.mysql)]),
    '',
    // The last line that stands in the log of a container says where to look.
    ...(options.inCompose
      ? [`  Look at ${options.boardUrl}${login}, or ask: ${tools} explain 2`]
      : [`  ${options.sample ? 'docs/first-steps.md goes on from here. ' : ''}Ctrl-C stops everything.`, '']),
  ].join('\n');
}

function sqlHint({ sample, zone }: HintOptions, mysql: NonNullable<HintOptions['mysql']>): string[] {
  const now = zone === 'UTC' ? 'UTC_TIMESTAMP()' : `'${wallTime(Date.now(), zone).slice(0, 19)}'`;
  const groups = sample
    ? [`-- groups: ${SAMPLE_GROUPS.map(({ id, name }) => `${id} ${name}`).join(', ')}`]
    : ['-- first your devices: token (token, active), token_group (name), token_group_token'];
  return [
    `  ${colors.bold('Send one yourself')}, as your backend would:`,
    '',
    ...[
      ...clientCommand(mysql),
      'START TRANSACTION;',
      `INSERT INTO notification (message, sent, notificationdate) VALUES ('Hello', 0, ${now});`,
      'INSERT INTO notification_token_group VALUES (LAST_INSERT_ID(), 4);',
      'COMMIT;',
      ...groups,
    ].map((line) => (line.startsWith('--') ? colors.dim(`    ${line}`) : `    ${line}`)),
  ];
}

function clientCommand(mysql: NonNullable<HintOptions['mysql']>): string[] {
  const { port, socketPath, database, client } = mysql;
  if (client !== undefined) return [client];
  const path = findExecutable(['mariadb', 'mysql']);
  if (path === undefined)
    return [`-- in any client: 127.0.0.1, port ${port}, user root, no password, database ${database}`];
  const name = path.split('/').at(-1);
  const where = socketPath === undefined ? `-h 127.0.0.1 -P ${port}` : `-S ${shorter(socketPath)}`;
  return [`${name} ${where} -u root ${database}`];
}

function shorter(path: string): string {
  const fromHere = relative(process.cwd(), path);
  return fromHere.startsWith('..') ? path : fromHere;
}
