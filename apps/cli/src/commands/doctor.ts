import type { Command } from 'commander';
import { toolEnvironment } from '../environment.ts';
import { print, printJson } from '../output.ts';

/** doctor: what a start with these settings would stumble over. */
export function addDoctor(program: Command): void {
  program
    .command('doctor')
    .summary('checks everything that a start depends on; each fault with its mend')
    .description(
      'Checks settings, MySQL, Redis, the APNs credential and ports as a start with these settings needs them, and says of each fault how it is mended. It writes nothing; APNs is asked with a device token that no device can have. 0 without faults, 1 with one, 2 where nothing is configured.',
    )
    .option('--json', 'one JSON document')
    .addHelpText(
      'after',
      '\nExamples:\n  pushfleet doctor\n  pushfleet doctor --json | jq \'.findings[] | select(.state == "fault")\'',
    )
    .action(async ({ json }: { readonly json?: boolean }) => {
      const { runDoctor } = await import('../doctor/run-doctor.ts');
      const { reportText } = await import('../doctor/report.ts');
      const findings = await runDoctor(toolEnvironment());
      const faults = findings.filter(({ state }) => state === 'fault').length;
      if (json === true) printJson({ faults, findings });
      else print(reportText(findings));
      process.exitCode = faults === 0 ? 0 : 1;
    });
}
