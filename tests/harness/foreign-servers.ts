/** HTTP/2 servers that nobody here wrote, each on a free port and in a temporary directory of its own. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { makeServerCertificate } from '@pushfleet/apns-simulator/certificate';
import { findFreePort } from '@pushfleet/local-servers/free-port';

export interface ForeignServer {
  readonly port: number;
  readonly caPem: string;
  /** What it told of its requests, as far as it does. */
  readonly told: Array<Record<string, unknown>>;
  close(): Promise<void>;
}

// Debian's, with its packages; another python3 may come first in PATH.
const PYTHON = '/usr/bin/python3';
const NGHTTPD = '/usr/sbin/nghttpd';
const NGINX = '/usr/sbin/nginx';

/** Throws unless all three are there. */
export function demandForeignServers(): void {
  const missing = [
    ...(existsSync(NGHTTPD) || existsSync('/usr/bin/nghttpd') ? [] : ['nghttp2-server']),
    ...(existsSync(NGINX) ? [] : ['nginx-light']),
    ...(spawnSync(PYTHON, ['-c', 'import h2']).status === 0 ? [] : ['python3-h2']),
  ];
  if (missing.length > 0)
    throw new Error(`Not installed: sudo apt-get install --no-install-recommends ${missing.join(' ')}`);
}

/** `accepted`: paths below /3/device/ that exist; whatever else is 404. */
export async function startNghttpd(
  args: readonly string[],
  accepted: readonly string[],
): Promise<ForeignServer> {
  const home = await makeHome();
  mkdirSync(join(home.directory, 'www/3/device'), { recursive: true });
  for (const name of accepted) writeFileSync(join(home.directory, 'www/3/device', name), '');
  const port = await findFreePort();
  const program = existsSync(NGHTTPD) ? NGHTTPD : '/usr/bin/nghttpd';
  const options = ['-a', '127.0.0.1', '-d', join(home.directory, 'www'), ...args];
  const child = spawn(program, [...options, String(port), home.keyFile, home.certFile], { stdio: 'ignore' });
  await listening(port, child);
  return running(home, port, child);
}

/** `http` and `server` are more lines of those blocks. */
export async function startNginx(http: string, server: string): Promise<ForeignServer> {
  const home = await makeHome();
  const port = await findFreePort();
  const at = (name: string) => join(home.directory, name);
  const config = `
    daemon off; master_process off; pid ${at('pid')}; error_log ${at('error.log')} warn;
    events { worker_connections 64; }
    http {
      access_log off;
      client_body_temp_path ${at('body')}; proxy_temp_path ${at('proxy')}; fastcgi_temp_path ${at('fastcgi')};
      uwsgi_temp_path ${at('uwsgi')}; scgi_temp_path ${at('scgi')};
      ${http}
      server {
        listen 127.0.0.1:${port} ssl http2;
        ssl_certificate ${home.certFile}; ssl_certificate_key ${home.keyFile};
        ${server}
      }
    }`;
  writeFileSync(at('nginx.conf'), config);
  const child = spawn(NGINX, ['-p', home.directory, '-e', at('error.log'), '-c', at('nginx.conf')], {
    stdio: 'ignore',
  });
  await listening(port, child);
  return running(home, port, child);
}

/** See h2-server.py for the options. */
export async function startPythonH2(options: Record<string, unknown>): Promise<ForeignServer> {
  const home = await makeHome();
  const script = new URL('h2-server.py', import.meta.url).pathname;
  const all = JSON.stringify({ cert: home.certFile, key: home.keyFile, ...options });
  const child = spawn(PYTHON, [script, all], { stdio: ['ignore', 'pipe', 'inherit'] });
  const told: Array<Record<string, unknown>> = [];
  const lines = createInterface({ input: child.stdout! });
  const [first] = (await once(lines, 'line')) as [string];
  lines.on('line', (line) => told.push(JSON.parse(line)));
  return running(home, JSON.parse(first).port, child, told);
}

interface Home {
  readonly directory: string;
  readonly certFile: string;
  readonly keyFile: string;
  readonly caPem: string;
}

async function makeHome(): Promise<Home> {
  const directory = mkdtempSync(join(tmpdir(), 'pushfleet-foreign-'));
  const { certificatePem, privateKeyPem } = await makeServerCertificate([]);
  const certFile = join(directory, 'cert.pem');
  const keyFile = join(directory, 'key.pem');
  writeFileSync(certFile, certificatePem);
  writeFileSync(keyFile, privateKeyPem, { mode: 0o600 });
  return { directory, certFile, keyFile, caPem: certificatePem };
}

function running(
  { directory, caPem }: Home,
  port: number,
  child: ChildProcess,
  told: Array<Record<string, unknown>> = [],
): ForeignServer {
  return {
    port,
    caPem,
    told,
    async close() {
      const ended = child.exitCode !== null || once(child, 'exit');
      child.kill('SIGKILL');
      await ended;
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

/** Waits until somebody listens at `port`; throws if `child` ends before, or after 10 s. */
async function listening(port: number, child: ChildProcess): Promise<void> {
  const giveUpAt = Date.now() + 10_000;
  while (Date.now() < giveUpAt) {
    if (child.exitCode !== null) throw new Error(`${child.spawnfile} ended with ${child.exitCode}`);
    const socket = connect(port, '127.0.0.1');
    const isOpen = await Promise.race([
      once(socket, 'connect').then(() => true),
      once(socket, 'error').then(() => false),
    ]).catch(() => false);
    socket.destroy();
    if (isOpen) return;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  throw new Error(`${child.spawnfile} does not listen at port ${port}`);
}
