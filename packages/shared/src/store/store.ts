import type { BackendSchema } from './backend-schema.ts';
import type { Database } from './database.ts';
import type { StateTables } from './state-tables.ts';

/** What every query needs: the database, our tables in it, and the backend's. */
export interface Store {
  readonly database: Database;
  readonly tables: StateTables;
  readonly backend: BackendSchema;
}
