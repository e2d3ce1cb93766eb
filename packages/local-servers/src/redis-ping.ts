import { connect } from 'node:net';

/** What a Redis server says when it is asked whether it is ready. */
export interface RedisReply {
  /** False while it is still loading its append-only file. */
  readonly ready: boolean;
  /** Its process id as it sees it; tells our server from another that took the port. */
  readonly processId: number | undefined;
}

/** Asks a Redis server on 127.0.0.1 with PING and INFO. Rejects when nobody answers within `timeoutMs`. */
export function pingRedis(port: number, timeoutMs = 1_000): Promise<RedisReply> {
  return new Promise((resolve, reject) => {
    let received = '';
    const socket = connect(port, '127.0.0.1', () => socket.write('PING\r\nINFO server\r\nQUIT\r\n'));
    socket.setTimeout(timeoutMs, () => socket.destroy(new Error(`Redis on port ${port} does not answer`)));
    socket.setEncoding('utf8');
    socket.on('data', (text) => {
      received += text;
    });
    socket.on('error', reject);
    // QUIT makes the server close, so the end of the stream is the end of its answers.
    socket.on('close', () => resolve(parseRedisReply(received)));
  });
}

/** Reads the answers to PING and INFO from the raw protocol text. */
export function parseRedisReply(text: string): RedisReply {
  const processId = /^process_id:(\d+)\r?$/m.exec(text)?.[1];
  return { ready: text.startsWith('+PONG\r\n'), processId: processId ? Number(processId) : undefined };
}
