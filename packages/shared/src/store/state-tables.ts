import { quoteName } from '../domain/schema-mapping.ts';

/** Quoted names of our own tables, which may live in another database of the server. */
export interface StateTables {
  readonly fleet: string;
  readonly app: string;
  readonly command: string;
  readonly request: string;
  readonly dispatch: string;
  readonly batch: string;
  readonly outcome: string;
  readonly retirement: string;
}

export function stateTables(stateDatabase: string | undefined): StateTables {
  const name = (table: string) =>
    quoteName(stateDatabase === undefined ? `pushfleet_${table}` : `${stateDatabase}.pushfleet_${table}`);
  return {
    fleet: name('fleet'),
    app: name('app'),
    command: name('command'),
    request: name('request'),
    dispatch: name('dispatch'),
    batch: name('batch'),
    outcome: name('outcome'),
    retirement: name('retirement'),
  };
}
