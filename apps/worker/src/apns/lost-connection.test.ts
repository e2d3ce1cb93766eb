import { expect, test } from '@jest/globals';
import { pino } from 'pino';
import { tellLost } from './lost-connection.ts';

test.each([
  ['self-signed certificate', 50, 'PUSHFLEET_APNS_CA_FILE'],
  ['unable to verify the first certificate', 50, 'PUSHFLEET_APNS_CA_FILE'],
  ["Hostname/IP does not match certificate's altnames", 50, 'PUSHFLEET_APNS_CA_FILE'],
  ['connect ECONNREFUSED 127.0.0.1:1', 40, 'port 443'],
  ['getaddrinfo ENOTFOUND api.push.example', 40, 'PUSHFLEET_APNS_URL'],
  ['the server closed the connection', 40, 'APNs connection is lost'],
])('%s', (detail, level, words) => {
  const lines: { level: number; msg: string }[] = [];
  tellLost(pino({}, { write: (line) => lines.push(JSON.parse(line)) }), detail, 3, 250);
  expect(lines).toMatchObject([
    { level, detail, open: 3, retryInMs: 250, msg: expect.stringContaining(words) },
  ]);
});
