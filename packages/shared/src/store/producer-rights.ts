import type { SchemaMapping } from '../domain/schema-mapping.ts';

/** A right on a table; with `column` on that column alone. */
export interface NeededRight {
  readonly database: string;
  readonly table: string;
  readonly right: 'SELECT' | 'INSERT' | 'UPDATE' | 'DELETE';
  readonly column?: string;
}

/** What a producer may do in our own tables. */
const OWN = {
  fleet: ['SELECT'],
  app: ['SELECT', 'INSERT', 'UPDATE'],
  command: ['SELECT', 'UPDATE', 'DELETE'],
  request: ['SELECT', 'DELETE'],
  dispatch: ['SELECT', 'INSERT', 'UPDATE', 'DELETE'],
  batch: ['SELECT', 'INSERT', 'UPDATE', 'DELETE'],
  outcome: ['SELECT', 'INSERT', 'UPDATE', 'DELETE'],
  retirement: ['SELECT', 'INSERT', 'UPDATE', 'DELETE'],
} as const;

/**
 * The least rights of a producer's account, those of `deploy/grants/producer.sql`.
 *
 * @param backend the backend's database
 * @param state the database of the `pushfleet_*` tables
 */
export function producerRights(mapping: SchemaMapping, backend: string, state: string): NeededRight[] {
  const { notification: n, token: t, notificationToken, notificationGroup, groupToken } = mapping;
  const on = (name: string, right: NeededRight['right'], column?: string): NeededRight => {
    const dot = name.indexOf('.');
    const place =
      dot === -1
        ? { database: backend, table: name }
        : { database: name.slice(0, dot), table: name.slice(dot + 1) };
    return column === undefined ? { ...place, right } : { ...place, right, column };
  };
  return [
    on(n.table, 'SELECT'),
    on(n.table, 'UPDATE', n.sent),
    ...(n.sentAt === null ? [] : [on(n.table, 'UPDATE', n.sentAt)]),
    on(t.table, 'SELECT'),
    on(t.table, 'UPDATE', t.active),
    ...[notificationToken, notificationGroup, groupToken].map(({ table }) => on(table, 'SELECT')),
    ...Object.entries(OWN).flatMap(([name, rights]) =>
      rights.map((right) => on(`${state}.pushfleet_${name}`, right)),
    ),
  ];
}
