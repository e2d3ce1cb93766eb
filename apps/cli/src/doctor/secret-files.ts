import type { Environment } from '@pushfleet/shared/platform/config';
import { warnOfOpenFiles } from '@pushfleet/shared/platform/file-permissions';
import type { Log } from '@pushfleet/shared/platform/log';
import { SECRETS } from '@pushfleet/shared/platform/settings';
import { type Finding, ok, warning } from './finding.ts';

/** What every start warns of: files with secrets that others may read or replace. */
export function secretFileFindings(environment: Environment): Finding[] {
  const given = SECRETS.filter((name) => (environment[`${name}_FILE`] ?? '').trim() !== '');
  if (given.length === 0) return [];
  const findings: Finding[] = [];
  const warn = (_facts: object, text: string) => {
    const [what, mend] = text.split('; run: ');
    findings.push(warning('secret files', what!, mend!));
  };
  try {
    warnOfOpenFiles(given, environment, { warn } as Log);
  } catch {
    return []; // A file that is not there is said with the settings.
  }
  return findings.length > 0 ? findings : [ok('secret files', 'nobody else reads or replaces them')];
}
