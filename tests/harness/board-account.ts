import { readFileSync } from 'node:fs';
import type { TestDatabase } from './test-database.ts';

/** Makes an account with exactly the rights of a file of deploy/grants; its address. */
export async function boardAccount(
  database: TestDatabase,
  user: string,
  file: 'board.sql' | 'board-read.sql' = 'board.sql',
): Promise<string> {
  const grants = readFileSync(new URL(`../../deploy/grants/${file}`, import.meta.url), 'utf8')
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
