import { createServer } from 'node:net';
import { bracketed } from '@pushfleet/app-worker/apns/tls-transport';
import { ConfigurationError, type Environment, loadConfig } from '@pushfleet/shared/platform/config';
import { type Finding, fault, ok } from './finding.ts';

interface Port {
  readonly setting: 'PUSHFLEET_HTTP_PORT' | 'PUSHFLEET_BOARD_PORT';
  readonly hostSetting: 'PUSHFLEET_HTTP_HOST' | 'PUSHFLEET_BOARD_HOST';
  readonly port: number;
  readonly host: string | undefined;
}

/** The ports that these settings open here, each for a moment; one that a Pushfleet has open is fine. */
export async function checkPorts(environment: Environment): Promise<Finding[]> {
  return Promise.all(configuredPorts(environment).map(portFinding));
}

function configuredPorts(environment: Environment): Port[] {
  try {
    const config = loadConfig(
      ['PUSHFLEET_HTTP_PORT', 'PUSHFLEET_HTTP_HOST', 'PUSHFLEET_BOARD_PORT', 'PUSHFLEET_BOARD_HOST'],
      environment,
    );
    const hasBoard = Object.entries(environment).some(
      ([name, value]) => name.startsWith('PUSHFLEET_BOARD_') && value !== undefined,
    );
    const ports: Port[] = [
      {
        setting: 'PUSHFLEET_HTTP_PORT',
        hostSetting: 'PUSHFLEET_HTTP_HOST',
        port: config.PUSHFLEET_HTTP_PORT,
        host: config.PUSHFLEET_HTTP_HOST,
      },
    ];
    if (hasBoard)
      ports.push({
        setting: 'PUSHFLEET_BOARD_PORT',
        hostSetting: 'PUSHFLEET_BOARD_HOST',
        port: config.PUSHFLEET_BOARD_PORT,
        host: config.PUSHFLEET_BOARD_HOST,
      });
    return ports.filter(({ port }) => port !== 0);
  } catch (error) {
    if (error instanceof ConfigurationError) return []; // Said with the settings.
    throw error;
  }
}

async function portFinding({ setting, hostSetting, port, host }: Port): Promise<Finding> {
  const check = setting;
  const refusal = await tryListening(port, host);
  if (refusal === null) return ok(check, `port ${port} is free`);
  if (refusal === 'EADDRINUSE') {
    if (await isPushfleet(port, host)) return ok(check, `a Pushfleet has port ${port} open`);
    return fault(check, `another program has port ${port}`, `${setting}=${await freePort(host)}`);
  }
  return fault(
    check,
    `port ${port} cannot be opened (${refusal})`,
    refusal === 'EADDRNOTAVAIL' || refusal === 'ENOTFOUND'
      ? `${hostSetting}=127.0.0.1`
      : `${setting}=${await freePort(host)}`,
    'an address of this machine, or a port that this user may open',
  );
}

/** Null, or the error's code. */
function tryListening(port: number, host: string | undefined): Promise<string | null> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
    server.listen(port, host, () => server.close(() => resolve(null)));
  });
}

async function freePort(host: string | undefined): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(0));
    server.listen(0, host, () => {
      const { port } = server.address() as { port: number };
      server.close(() => resolve(port));
    });
  });
}

async function isPushfleet(port: number, host = '127.0.0.1'): Promise<boolean> {
  try {
    const answer = await fetch(`http://${bracketed(host)}:${port}/health/live`, {
      signal: AbortSignal.timeout(1_000),
    });
    return answer.ok && /^(ok\n|\{"status":"ok"\})$/.test(await answer.text());
  } catch {
    return false;
  }
}
