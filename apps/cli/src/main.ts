import { CommanderError } from 'commander';
import { reportFailure } from './failure.ts';
import { buildProgram } from './program.ts';

async function main(): Promise<void> {
  // A reader that has seen enough (`pushfleet status | head`) is no failure.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit(0);
  });
  try {
    const program = await buildProgram(process.argv[2]);
    await program.parseAsync();
  } catch (error) {
    // Commander has printed its own; help and version that were asked for are no failure.
    process.exitCode =
      error instanceof CommanderError ? (error.exitCode === 0 ? 0 : 2) : reportFailure(error);
  }
}

void main();
