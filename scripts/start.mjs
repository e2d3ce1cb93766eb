/** `npm start`: a fresh clone, ready to try out. What is given after `--` goes on to `pushfleet up`. */
import { ensureInstalledAndBuilt, root } from './setup.mjs';

try {
  ensureInstalledAndBuilt();
} catch (error) {
  process.stderr.write(`${error.message}\n`);
  process.exit(1);
}

// In this process, not in a child: signals and the exit code need no forwarding, and nothing can be left over.
process.argv = [process.argv[0], `${root}/apps/cli/bin/pushfleet.js`, 'up', ...process.argv.slice(2)];
await import('../apps/cli/bin/pushfleet.js');
