/**
 * Writes the files that are made from code: `npm run generate`. With --check it changes nothing and fails
 * when one is stale, or a picture is (those are made by `npm run screenshots`). Add a file by adding an entry
 * to FILES.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import { commandsText } from './cli-document.mjs';
import { answersTable, eventsTable, settingsTable, withBlock } from './doc-tables.mjs';
import { stalePictures } from './pictures/picture-sources.mjs';
import { scalingTables } from './scaling-table.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));

/** What each generated file holds, as text. Code is read as it was built: run `npm run build` first. */
const FILES = [
  {
    path: 'docs/schema-mapping.schema.json',
    async text() {
      const { schemaMappingSchema } = await import('../packages/shared/dist/domain/schema-mapping.js');
      return jsonSchema(schemaMappingSchema, {
        title: 'Pushfleet schema mapping',
        description:
          "The file of PUSHFLEET_SCHEMA_FILE: names of the backend's tables (or views) and columns. Whatever is left out keeps its default.",
      });
    },
  },
  documentWith('docs/lifecycle.md', answersTable),
  documentWith('docs/scaling.md', scalingTables),
  documentWith('docs/configuration.md', settingsTable),
  documentWith('docs/cli.md', commandsText),
  documentWith('docs/events.md', eventsTable),
];

/** A document of which one part is generated. */
function documentWith(path, block) {
  return {
    path,
    text: async () => withBlock(stored(new URL(`../${path}`, import.meta.url)), path, await block()),
  };
}

function jsonSchema(schema, { title, description }) {
  const { $schema, ...rest } = z.toJSONSchema(schema, { io: 'input' });
  return `${JSON.stringify({ $schema, title, description, ...rest }, null, 2)}\n`;
}

function stored(path) {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if (error.code === 'ENOENT') return null;
    throw error;
  }
}

const isCheck = process.argv.includes('--check');
const stale = [];
for (const { path, text } of FILES) {
  const file = new URL(`../${path}`, import.meta.url);
  const wanted = await text();
  if (stored(file) === wanted) continue;
  stale.push(path);
  if (!isCheck) writeFileSync(file, wanted);
}

if (stale.length === 0) process.stdout.write(`${FILES.length} generated files are up to date\n`);
else if (isCheck) {
  process.stderr.write(
    `stale in ${relative(process.cwd(), root) || '.'}: ${stale.join(', ')}; run: npm run generate\n`,
  );
  process.exitCode = 1;
} else process.stdout.write(`written: ${stale.join(', ')}\n`);

if (isCheck) {
  const pictures = stalePictures();
  if (pictures.length > 0) {
    process.stderr.write(`stale pictures: ${pictures.join(', ')}; run: npm run screenshots\n`);
    process.exitCode = 1;
  }
}
