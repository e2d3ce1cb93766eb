import { expect, test } from '@jest/globals';
import type { Database } from './database.ts';
import { readFleet } from './fleet.ts';
import { SCHEMA_VERSION } from './migrations.ts';
import { stateTables } from './state-tables.ts';

const [OLDER, OWN, NEWER] = [SCHEMA_VERSION - 1, SCHEMA_VERSION, SCHEMA_VERSION + 1];

function tablesOf(row: object | null): Database {
  const rows = async () => {
    if (row === null)
      throw Object.assign(new Error("Table 'pushfleet_fleet' doesn't exist"), { errno: 1146 });
    return [{ fleet: 'abcd1234', ...row }];
  };
  return { rows } as unknown as Database;
}

test.each([
  ['its own', { schema_version: OWN, oldest_program: 1 }, OWN],
  ['a newer one that works with it', { schema_version: NEWER, oldest_program: OWN }, NEWER],
])('a program works with tables of %s', async (_, row, schemaVersion) => {
  expect(await readFleet(tablesOf(row), stateTables(undefined))).toEqual({
    fleet: 'abcd1234',
    schemaVersion,
  });
});

test.each([
  ['no tables', null, /do not exist; run: pushfleet migrate/],
  ['older tables', { schema_version: OLDER, oldest_program: 1 }, /run: pushfleet migrate/],
  ['tables of before there was an oldest program', { schema_version: 1 }, /run: pushfleet migrate/],
  [
    'newer tables that do not work with it any more',
    { schema_version: NEWER, oldest_program: NEWER },
    /and work with programs from \d+ on; run the newer program/,
  ],
])('a program refuses %s, and says what to run', async (_, row, sentence) => {
  await expect(readFleet(tablesOf(row), stateTables(undefined))).rejects.toThrow(sentence);
});
