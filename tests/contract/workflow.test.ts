import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { convertWorkflowTemplate, NoOperationTraceWriter, parseWorkflow } from '@actions/workflow-parser';
import { expect, test } from '@jest/globals';
import { parse } from 'yaml';

/** `.github/workflows/ci.yml`, which does not run here, as GitHub's own parser reads it. */
const root = fileURLToPath(new URL('../../', import.meta.url));
const text = readFileSync(`${root}.github/workflows/ci.yml`, 'utf8');

interface Step {
  readonly run?: string;
}
interface Job {
  readonly strategy?: { readonly matrix: { readonly node?: number[]; readonly include?: Combination[] } };
  readonly env?: Record<string, string>;
  readonly services?: Record<string, { readonly image: string; readonly ports: string[] }>;
  readonly steps: Step[];
}
interface Combination {
  readonly node: number;
  readonly database: string;
  readonly redis: string;
}
const { jobs } = parse(text) as { jobs: Record<string, Job> };

/** What GitHub's parser, with its schema of workflows, has against a text. */
async function faults(content: string): Promise<string[]> {
  const { context, value } = parseWorkflow({ name: 'ci.yml', content }, new NoOperationTraceWriter());
  if (value !== undefined) await convertWorkflowTemplate(context, value);
  return context.errors.getErrors().map(({ message }) => message);
}

test("GitHub's schema of workflows takes the file, and would refuse a wrong one", async () => {
  expect(await faults(text)).toEqual([]);
  expect(await faults(text.replace('runs-on:', 'run-on:'))).not.toEqual([]);
  expect(await faults(text.replace('matrix.node }}', 'matrx.node }}'))).not.toEqual([]);
});

test('each version that is promised stands in the matrix', () => {
  const { include } = jobs.test!.strategy!.matrix;
  const all = (which: keyof Combination) => [...new Set(include!.map((each) => each[which]))].sort();
  expect(all('node')).toEqual([20, 22, 24]);
  expect(all('database')).toEqual(
    ['mysql:8.0', 'mysql:8.4', 'mysql:9', 'mariadb:10.6', 'mariadb:10.11', 'mariadb:11.8'].sort(),
  );
  expect(all('redis')).toEqual(['redis:7', 'redis:8', 'valkey/valkey:8']);
});

test('what it runs exists, and the tests are told of its servers', () => {
  const { scripts } = JSON.parse(readFileSync(`${root}package.json`, 'utf8')) as {
    scripts: Record<string, string>;
  };
  const commands = Object.values(jobs).flatMap(({ steps }) => steps.flatMap(({ run }) => run ?? []));
  const named = commands.flatMap((command) => [...command.matchAll(/npm (?:run )?([a-z:]+)/g)]);
  const unknown = named.map(([, name]) => name!).filter((name) => name !== 'ci' && !(name in scripts));
  expect(unknown).toEqual([]);
  const verified = commands.flatMap((command) => [...command.matchAll(/verify -- (\S+)/g)]);
  expect(verified).not.toEqual([]);
  for (const [, name] of verified) expect(existsSync(`${root}tests/verify/${name}.test.ts`)).toBe(true);

  const { env, services } = jobs.test!;
  const { PUSHFLEET_TEST_MYSQL_URL: mysql, PUSHFLEET_TEST_REDIS_URL: redis } = env!;
  expect(readFileSync(`${root}scripts/test-servers.mjs`, 'utf8')).toContain('PUSHFLEET_TEST_MYSQL_URL');
  expect(services!.database!.ports).toEqual([`${new URL(mysql!).port}:3306`]);
  expect(services!.redis!.ports).toEqual([`${new URL(redis!).port}:6379`]);
});
