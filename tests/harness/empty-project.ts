import { execFile } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const checkout = fileURLToPath(new URL('../..', import.meta.url));
const runFile = promisify(execFile);

/** How a project of others looks for modules. */
export type Resolution = 'nodenext' | 'bundler';

/** A project of somebody who installs a package of ours. */
export class EmptyProject {
  readonly directory = mkdtempSync(join(tmpdir(), 'pushfleet-project-'));

  /** @param type of its package.json */
  constructor(private readonly type: 'module' | 'commonjs') {
    this.write('package.json', JSON.stringify({ name: 'empty', private: true, type }));
  }

  write(file: string, text: string): void {
    writeFileSync(join(this.directory, file), text);
  }

  /** `npm install`, of a tarball or by name; the registry is npm's own setting. */
  async install(...packages: string[]): Promise<void> {
    await this.run('npm', ['install', '--no-audit', '--no-fund', '--prefer-offline', ...packages]);
  }

  /** What node_modules holds: packages, and the bytes of their files. */
  installed(): { packages: string[]; bytes: number } {
    const record = JSON.parse(
      readFileSync(join(this.directory, 'node_modules/.package-lock.json'), 'utf8'),
    ) as { packages: Record<string, unknown> };
    const packages = Object.keys(record.packages);
    const files = packages.flatMap((path) =>
      readdirSync(join(this.directory, path), { recursive: true, withFileTypes: true }),
    );
    const bytes = files
      .filter((file) => file.isFile())
      .reduce((sum, file) => sum + statSync(join(file.parentPath, file.name)).size, 0);
    return { packages: packages.map((path) => path.replace('node_modules/', '')), bytes };
  }

  /** Compiles a file with the checkout's TypeScript and types of Node. Throws what the compiler says. */
  async compile(file: string, resolution: Resolution, skipLibCheck = false): Promise<void> {
    const module = { nodenext: 'nodenext', bundler: 'preserve' }[resolution];
    const compilerOptions = {
      ...{ strict: true, target: 'es2023', lib: ['es2023'], module, moduleResolution: resolution },
      ...{ types: ['node'], typeRoots: [join(checkout, 'node_modules/@types')], skipLibCheck },
      ...{ noEmit: resolution === 'bundler', outDir: 'out' },
    };
    this.write('tsconfig.json', JSON.stringify({ compilerOptions, files: [file] }));
    await this.run(process.execPath, [join(checkout, 'node_modules/typescript/bin/tsc'), '-p', '.']);
  }

  /** Runs a program in it. Returns its output; throws both outputs when it fails. */
  async run(program: string, args: readonly string[]): Promise<string> {
    try {
      const env = { ...process.env, NODE_OPTIONS: '' };
      return (await runFile(program, args, { cwd: this.directory, env, timeout: 120_000 })).stdout;
    } catch (error) {
      const { stdout, stderr } = error as { stdout?: string; stderr?: string };
      throw new Error(`${program} in a project of type ${this.type}:\n${stdout}${stderr}`, { cause: error });
    }
  }

  remove(): void {
    rmSync(this.directory, { recursive: true, force: true });
  }
}
