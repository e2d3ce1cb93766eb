import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

/** A line to a server, on a port of its own, that can be cut or fall silent. */
export interface Line {
  readonly port: number;
  /** Connections end, new ones are refused. */
  cut(): Promise<void>;
  /** Connections stay and new ones are taken, and nothing comes or goes. */
  silence(): void;
  mend(): Promise<void>;
  close(): Promise<void>;
}

export async function openLine(port: number, host = '127.0.0.1'): Promise<Line> {
  const sockets = new Set<Socket>();
  let isSilent = false;
  const server = createServer((near) => {
    const far = connect(port, host);
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      sockets.add(from);
      from.on('data', (bytes) => to.write(bytes));
      from.on('error', () => {});
      from.on('close', () => {
        sockets.delete(from);
        to.destroy();
      });
      if (isSilent) from.pause();
    }
  });
  const listen = (at: number) => new Promise<void>((resolve) => server.listen(at, '127.0.0.1', resolve));
  const close = () => {
    for (const socket of sockets) socket.destroy();
    return new Promise<void>((resolve) => server.close(() => resolve()));
  };
  await listen(0);
  const own = (server.address() as AddressInfo).port;
  return {
    port: own,
    cut: close,
    silence() {
      isSilent = true;
      for (const socket of sockets) socket.pause();
    },
    async mend() {
      isSilent = false;
      for (const socket of sockets) socket.resume();
      if (!server.listening) await listen(own);
    },
    close,
  };
}
