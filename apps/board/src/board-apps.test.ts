import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from '@jest/globals';
import { boardApps } from './board-apps.ts';

const directory = mkdtempSync(join(tmpdir(), 'pushfleet-board-'));
afterAll(() => rmSync(directory, { recursive: true }));

function file(content: string): string {
  const path = join(directory, 'apps.json');
  writeFileSync(path, content);
  return path;
}

test('without a file there is the one app', () => {
  expect(boardApps('default', undefined)).toEqual(['default']);
});

test('with a file its apps are shown, each once, whatever else it says of them', () => {
  const path = file(
    '{"apps": [{"name": "shop", "topic": "com.example.shop"}, {"name": "news"}, {"name": "shop"}]}',
  );
  expect(boardApps('default', path)).toEqual(['shop', 'news']);
});

test.each([
  ['not JSON', 'is not JSON'],
  ['{"apps": []}', 'at least one app'],
  ['{"apps": [{"topic": "x"}]}', 'must look like'],
  ['null', 'must look like'],
])('a file of %s is refused by name', (content, said) => {
  expect(() => boardApps('default', file(content))).toThrow(said);
  expect(() => boardApps('default', join(directory, 'missing.json'))).toThrow('cannot be read');
});
