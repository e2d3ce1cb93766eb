/**
 * Before `npm pack`: puts the package and what it needs of others into dist, so that it installs without
 * dependencies, and their licences into THIRD-PARTY.md. `npm pack` builds dist as it was afterwards; if that does not
 * happen, the next build does.
 */
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const here = dirname(fileURLToPath(import.meta.url));
const root = join(here, '../..');
const { exports } = JSON.parse(readFileSync(join(here, 'package.json'), 'utf8'));

// tsc then writes all of dist again, whenever it is called next.
rmSync(join(here, 'dist/.tsbuildinfo'), { force: true });
const { metafile } = await build({
  absWorkingDir: root,
  entryPoints: Object.values(exports).map((entry) =>
    join(here, entry.default.replace('dist', 'src').replace(/js$/, 'ts')),
  ),
  outdir: join(here, 'dist'),
  chunkNames: 'bundled/[name]-[hash]',
  bundle: true,
  splitting: true,
  metafile: true,
  platform: 'node',
  format: 'esm',
  target: 'node20',
  // Of libraries in CommonJS, for Node's own modules.
  banner: {
    js: "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);",
  },
  // Names stay as they are, for stack traces.
  minifySyntax: true,
  minifyWhitespace: true,
  // The notices are in THIRD-PARTY.md, whole.
  legalComments: 'none',
  logLevel: 'warning',
});
const directories = [...new Set(Object.keys(metafile.inputs).map(packageDirectory))].filter(Boolean).sort();
writeFileSync(join(here, 'THIRD-PARTY.md'), notices(directories));

/** `node_modules/asn1js` of one of its files; undefined for ours. */
function packageDirectory(file) {
  return /^.*node_modules\/(?:@[^/]+\/)?[^/]+/.exec(file)?.[0];
}

function notices(directories) {
  const parts = directories.map((directory) => {
    const { name, version, license } = JSON.parse(
      readFileSync(join(root, directory, 'package.json'), 'utf8'),
    );
    const file = readdirSync(join(root, directory)).find((each) => /^(licen[cs]e|copying)/i.test(each));
    if (file === undefined) throw new Error(`${name} has no licence file: its notice cannot be given on`);
    return `## ${name} ${version} (${license})\n\n${readFileSync(join(root, directory, file), 'utf8').trim()}\n`;
  });
  return `# What is inside\n\nThe code of these packages is part of the files in \`dist\`.\n\n${parts.join('\n')}`;
}
