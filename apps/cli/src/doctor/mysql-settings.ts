import type { Database } from '@pushfleet/shared/store/database';
import { type Finding, fault, ok, warning } from './finding.ts';

/** Settings of the server that our transactions depend on. */
export async function serverSettings(database: Database): Promise<Finding[]> {
  const rows = await database.arrays(
    "SHOW GLOBAL VARIABLES WHERE Variable_name IN ('log_bin', 'binlog_format', 'innodb_flush_log_at_trx_commit')",
  );
  const values = new Map(rows.map(([name, value]) => [String(name).toLowerCase(), String(value)]));
  return [binlog(values), commits(values)];
}

/** READ COMMITTED cannot be written as statements (MySQL and MariaDB refuse each change then, error 1665). */
function binlog(values: ReadonlyMap<string, string>): Finding {
  if (values.get('log_bin') !== 'ON') return ok('binlog', 'there is none');
  const format = values.get('binlog_format') ?? 'ROW';
  return format === 'STATEMENT'
    ? fault(
        'binlog',
        'binlog_format is STATEMENT: the server refuses every change in a READ COMMITTED transaction, which ours are',
        "SET GLOBAL binlog_format = 'MIXED';",
        "until the next restart; write it into the server's configuration too",
      )
    : ok('binlog', `binlog_format is ${format}`);
}

/** sync_binlog is left alone: it says what replicas may miss, not what this server forgets. */
function commits(values: ReadonlyMap<string, string>): Finding {
  const value = values.get('innodb_flush_log_at_trx_commit') ?? '1';
  return value === '1'
    ? ok('commits', 'are on disk before they are acknowledged')
    : warning(
        'commits',
        `innodb_flush_log_at_trx_commit is ${value}: a crash of the machine${value === '0' ? ' or of the server' : ''} forgets the last second of claims and outcomes, and what they were about is sent again`,
        'SET GLOBAL innodb_flush_log_at_trx_commit = 1;',
        "until the next restart; write it into the server's configuration too",
      );
}
