import type { NeededRight } from '@pushfleet/shared/store/producer-rights';
import { type Finding, fault, ok, skipped, warning } from './finding.ts';

/** One right of a line of SHOW GRANTS; database or table null: all of them. */
interface Grant {
  readonly right: string;
  readonly columns: readonly string[] | null;
  readonly database: string | null;
  readonly table: string | null;
}

export interface Grants {
  readonly grants: readonly Grant[];
  /** Rights may come from roles too, which the lines do not spell out everywhere. */
  readonly hasRoles: boolean;
}

/** Reads SHOW GRANTS as MySQL and MariaDB write it. */
export function parseGrants(lines: readonly string[]): Grants {
  const grants: Grant[] = [];
  let hasRoles = false;
  for (const line of lines) {
    const match = /^GRANT (.+?) ON (?:TABLE )?(\*|`(?:[^`]|``)+`)\.(\*|`(?:[^`]|``)+`) TO /.exec(line);
    if (match === null) {
      hasRoles ||= /^GRANT [`']/.test(line);
      continue;
    }
    const [, rights, database, table] = match;
    const place = { database: unquoted(database!), table: unquoted(table!) };
    for (const [, right, columns] of rights!.matchAll(/([A-Z][A-Z_ ]*[A-Z])(?: ?\(([^)]*)\))?/g))
      grants.push({
        right: right!,
        columns:
          columns === undefined
            ? null
            : columns.split(',').map((name) => name.trim().replace(/`/g, '').toLowerCase()),
        ...place,
      });
    if (/ WITH GRANT OPTION$/.test(line)) grants.push({ right: 'GRANT OPTION', columns: null, ...place });
  }
  return { grants, hasRoles };
}

/**
 * Whether an account has what a producer needs, and what it has beyond that.
 *
 * @param account `user@host` as CURRENT_USER() says
 * @param backend the backend's database: what is granted elsewhere is nobody's business here
 * @param server host:port, as in an URL
 */
export function rightsFindings(
  { grants, hasRoles }: Grants,
  needed: readonly NeededRight[],
  account: string,
  backend: string,
  server: string,
): Finding[] {
  const missing = needed.filter((right) => !grants.some((grant) => covers(grant, right)));
  const who = quotedAccount(account);
  if (missing.length > 0 && hasRoles)
    return [skipped('MySQL rights', `${account} has rights by a role, which are not looked into`)];
  if (missing.length > 0)
    return [
      fault(
        'MySQL rights',
        `${account} lacks ${missing.map(name).join(', ')}`,
        missing.map((right) => grantStatement([right], who)).join('\n'),
      ),
    ];
  const more = grants.filter((grant) => isTooMuch(grant, needed, backend));
  if (more.length === 0) return [ok('MySQL rights', `${account} has what a producer needs and no more`)];
  return [
    warning(
      'MySQL rights',
      `${account} may do more than a producer needs: ${[...new Set(more.map(grantName))].join(', ')}`,
      ownAccount(needed, account, `${server}/${backend}`),
      'an account of its own, with a password that you choose',
    ),
  ];
}

function covers({ right, columns, database, table }: Grant, needed: NeededRight): boolean {
  if (right !== needed.right && right !== 'ALL PRIVILEGES') return false;
  if (database !== null && !matches(database, needed.database, table === null)) return false;
  if (table !== null && table.toLowerCase() !== needed.table.toLowerCase()) return false;
  return columns === null || (needed.column !== undefined && columns.includes(needed.column.toLowerCase()));
}

const HARMLESS = new Set(['USAGE', 'PROCESS', 'SHOW DATABASES', 'SHOW VIEW']);

/** Rights over the whole server, and such on the backend's tables as change more than a producer changes. */
function isTooMuch(grant: Grant, needed: readonly NeededRight[], backend: string): boolean {
  if (HARMLESS.has(grant.right)) return false;
  if (grant.database === null) return grant.right !== 'SELECT';
  if (!matches(grant.database, backend, grant.table === null) || grant.right === 'SELECT') return false;
  const same = needed.filter(
    ({ right, table }) => right === grant.right && table.toLowerCase() === grant.table?.toLowerCase(),
  );
  return !same.some(({ column }) => column === undefined || grant.columns?.includes(column.toLowerCase()));
}

/** A database as a pattern: only in a grant on all of its tables. */
function matches(pattern: string, database: string, isPattern: boolean): boolean {
  if (!isPattern) return pattern.toLowerCase() === database.toLowerCase();
  const source = pattern.replace(/\\([_%])|([_%])|[.*+?^${}()|[\]\\]/g, (found, escaped, wild) =>
    escaped !== undefined ? escaped : wild === '%' ? '.*' : wild === '_' ? '.' : `\\${found}`,
  );
  return new RegExp(`^${source}$`, 'i').test(database);
}

/** A new account: taking rights from this one might stop whoever else uses it. */
function ownAccount(needed: readonly NeededRight[], account: string, place: string): string {
  const user = account.startsWith('pushfleet_producer@') ? 'pushfleet_producer2' : 'pushfleet_producer';
  const who = quotedAccount(`${user}@${account.slice(account.lastIndexOf('@') + 1)}`);
  return [
    `CREATE USER ${who} IDENTIFIED BY 'PASSWORD';`,
    ...[...grouped(needed).values()].map((rights) => grantStatement(rights, who)),
    `PUSHFLEET_MYSQL_URL=mysql://${user}@${place}`,
    'PUSHFLEET_MYSQL_PASSWORD=PASSWORD',
  ].join('\n');
}

function grouped(needed: readonly NeededRight[]): Map<string, NeededRight[]> {
  const groups = new Map<string, NeededRight[]>();
  for (const right of needed) {
    const key = `${right.database}.${right.table}`;
    groups.set(key, [...(groups.get(key) ?? []), right]);
  }
  return groups;
}

/** Rights on one table. */
export function grantStatement(rights: readonly NeededRight[], who: string): string {
  const { database, table } = rights[0]!;
  const list = rights.map(({ right, column }) => (column === undefined ? right : `${right} (${column})`));
  return `GRANT ${list.join(', ')} ON \`${database}\`.\`${table}\` TO ${who};`;
}

function name({ right, column, table }: NeededRight): string {
  return `${right}${column === undefined ? '' : ` (${column})`} on ${table}`;
}

function grantName({ right, database, table }: Grant): string {
  return `${right} on ${database ?? '*'}.${table ?? '*'}`;
}

function unquoted(part: string): string | null {
  return part === '*' ? null : part.slice(1, -1).replaceAll('``', '`');
}

/** `user@host` as a statement has it. */
export function quotedAccount(account: string): string {
  const at = account.lastIndexOf('@');
  return [account.slice(0, at), account.slice(at + 1)]
    .map((part) => `'${part.replaceAll("'", "''")}'`)
    .join('@');
}
