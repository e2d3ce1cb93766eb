import { once } from 'node:events';
import { connect } from 'node:http2';
import { bracketed, createTransport, type TransportOptions } from '@pushfleet/app-worker/apns/tls-transport';
import type { ProbeAnswer } from './apns-answer-findings.ts';

/** Four bytes: APNs knows none of under 32, so it can never reach a device. */
const IMPOSSIBLE_DEVICE_TOKEN = '00000000';
const PAYLOAD = '{"aps":{"content-available":1}}';
const WITHIN_MS = 5_000;

/**
 * One push to nobody, on a connection of its own.
 *
 * @param authorization of token authentication
 * @throws Error saying why there was no answer
 */
export async function probeApns(
  transport: TransportOptions,
  topic: string,
  authorization: string | undefined,
): Promise<ProbeAnswer> {
  const signal = AbortSignal.timeout(WITHIN_MS);
  const socket = await createTransport(transport)(signal);
  const authority = `https://${bracketed(transport.host)}:${transport.port}`;
  const session = connect(authority, { createConnection: () => socket });
  const failed = new Promise<never>((_, reject) => {
    session.once('error', reject);
    session.once('close', () => reject(new Error('the connection was closed')));
    signal.addEventListener('abort', () => reject(new Error('no answer in 5 s')));
  });
  failed.catch(() => {});
  try {
    return await Promise.race([failed, push()]);
  } finally {
    session.destroy();
    socket.destroy();
  }

  async function push(): Promise<ProbeAnswer> {
    const stream = session.request({
      ':method': 'POST',
      ':path': `/3/device/${IMPOSSIBLE_DEVICE_TOKEN}`,
      'apns-topic': topic,
      'apns-push-type': 'background',
      'apns-priority': '5',
      'apns-expiration': '0',
      ...(authorization !== undefined && { authorization }),
    });
    let body = '';
    stream.on('data', (chunk) => {
      body += chunk;
    });
    stream.end(PAYLOAD);
    const [headers] = (await once(stream, 'response')) as [Record<string, string | number | undefined>];
    if (!stream.readableEnded) await once(stream, 'end');
    const date = Date.parse(String(headers.date));
    return {
      status: Number(headers[':status']),
      reason: reasonIn(body),
      date: Number.isNaN(date) ? null : date,
    };
  }
}

function reasonIn(body: string): string {
  try {
    return String((JSON.parse(body) as { reason?: unknown }).reason ?? '').slice(0, 64);
  } catch {
    return '';
  }
}
