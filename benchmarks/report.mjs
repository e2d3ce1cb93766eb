/** Tables of Markdown, the median, and what the figures were made with. */
import { execFileSync } from 'node:child_process';
import { cpus, totalmem } from 'node:os';

export function machineLine() {
  const memory = Math.round(totalmem() / 2 ** 30);
  return `${cpus().length} × ${cpus()[0].model.trim()}, ${memory} GiB, Node ${process.version}`;
}

/** Versions of the programs that take part, as far as they are installed. */
export function versions() {
  const programs = [
    ['mariadbd', 'MariaDB', /Ver ([\d.]+)/],
    ['mysqld', 'MySQL', /Ver (8[\d.]+|9[\d.]+)/],
    ['redis-server', 'Redis', /v=([\d.]+)/],
    ['nghttpd', 'nghttp2', /nghttp2\/([\d.]+)/],
  ];
  return programs.flatMap(([program, name, pattern]) => {
    try {
      const found = pattern.exec(execFileSync(program, ['--version'], { encoding: 'utf8' }));
      return found === null ? [] : [`${name} ${found[1]}`];
    } catch {
      return []; // not installed
    }
  });
}

/** The first column to the left, the others to the right. */
export function table(head, rows) {
  const line = (cells) => `| ${cells.join(' | ')} |`;
  return [line(head), line(head.map((_, i) => (i === 0 ? '---' : '---:'))), ...rows.map(line)];
}

export function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}
