import { readFileSync } from 'node:fs';
import type { TestDatabase } from './test-database.ts';

/** Makes an account with exactly the rights of deploy/grants/board.sql; its address. */
export async function boardAccount(database: TestDatabase, user: string): Promise<string> {
  const grants = readFileSync(new URL('../../deploy/grants/board.sql', import.meta.url), 'utf8')
    .replace(/^--.*$/gm, '')
    .replace(/\$\{(BACKEND|STATE)\}/g, database.name)
    .replaceAll(/'pushfleet_board'@'[^']+'/g, `'${user}'@'%'`)
    .replace(/(?<=IDENTIFIED BY ')[^']+/, 'only-for-tests');
  for (const statement of grants.split(';')) if (statement.trim() !== '') await database.query(statement);
  const url = new URL(database.url);
  url.username = user;
  url.password = 'only-for-tests';
  return url.href;
}
