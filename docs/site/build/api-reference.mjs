import { readdirSync } from 'node:fs';
import { Application, LogLevel, TSConfigReader } from 'typedoc';
import { inRepository, pagesDirectory } from './places.mjs';

/**
 * Writes the API reference of `@pushfleet/producer` as Markdown, from the comments in its sources.
 *
 * @returns how many pages
 * @throws Error where the sources do not compile or a comment names what is not there
 */
export async function writeApiReference() {
  const library = inRepository('packages/producer');
  const out = `${pagesDirectory}api`;
  const app = await Application.bootstrapWithPlugins(
    {
      entryPoints: [`${library}/src/index.ts`],
      tsconfig: `${library}/tsconfig.json`,
      plugin: ['typedoc-plugin-markdown'],
      outputs: [{ name: 'markdown', path: out }],
      name: 'API of @pushfleet/producer',
      readme: 'none',
      disableSources: true, // its links would need the address of the repository
      excludePrivate: true,
      excludeInternal: true,
      excludeExternals: true,
      treatValidationWarningsAsErrors: false,
      logLevel: LogLevel.Warn,
      entryFileName: 'index',
      hideBreadcrumbs: true,
      hidePageHeader: true,
      useCodeBlocks: true,
      parametersFormat: 'table',
      propertiesFormat: 'table',
      interfacePropertiesFormat: 'table',
    },
    [new TSConfigReader()],
  );
  const project = await app.convert();
  if (project === undefined || app.logger.hasErrors())
    throw new Error('TypeDoc does not understand packages/producer; it said why above');
  await app.generateOutputs(project);
  return readdirSync(out, { recursive: true }).filter((name) => name.endsWith('.md')).length;
}
