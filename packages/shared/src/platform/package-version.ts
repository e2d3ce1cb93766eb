import { readFileSync } from 'node:fs';

/** @param moduleUrl `import.meta.url` of a module right in the `src` or `dist` folder of its package */
export function packageVersion(moduleUrl: string): string {
  const file = new URL('../package.json', moduleUrl);
  return (JSON.parse(readFileSync(file, 'utf8')) as { version: string }).version;
}
