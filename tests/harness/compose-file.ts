import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parse } from 'yaml';

export interface ComposeService {
  readonly image: string;
  readonly build?: string;
  readonly profiles: readonly string[];
  readonly command?: readonly string[];
  readonly working_dir?: string;
  readonly environment?: Readonly<Record<string, string | number | null>>;
  readonly secrets?: readonly string[];
  readonly volumes?: readonly string[];
  readonly depends_on?: Readonly<Record<string, { readonly condition: string; readonly required?: boolean }>>;
  readonly healthcheck?: { readonly disable?: boolean; readonly test?: readonly string[] };
  readonly networks: readonly string[] | Readonly<Record<string, unknown>>;
  readonly [name: string]: unknown;
}

export interface ComposeFile {
  readonly services: Readonly<Record<string, ComposeService>>;
  readonly secrets: Readonly<Record<string, { readonly file: string }>>;
}

/** What `.env` says. */
export type Variables = Readonly<Record<string, string>>;

export const COMPOSE_TEXT = readFileSync(
  fileURLToPath(new URL('../../docker-compose.yml', import.meta.url)),
  'utf8',
);

/** `docker-compose.yml` as compose reads it: merged, with the variables of an `.env`. */
export function readCompose(variables: Variables = {}): ComposeFile {
  const text = COMPOSE_TEXT.replace(
    /\$\$|\$\{(\w+)(?::?-([^}]*))?\}/g,
    (all, name: string | undefined, otherwise: string | undefined) =>
      all === '$$' ? '$' : variables[name!] || (otherwise ?? ''),
  );
  return parse(text, { merge: true });
}

/** What a container of the service gets: a name without a value is passed on, where there is one. */
export function environmentOf({ environment = {} }: ComposeService, variables: Variables): Variables {
  return Object.fromEntries(
    Object.entries(environment)
      .map(([name, value]) => [name, value === null ? variables[name] : String(value)] as const)
      .filter((entry): entry is [string, string] => entry[1] !== undefined),
  );
}
