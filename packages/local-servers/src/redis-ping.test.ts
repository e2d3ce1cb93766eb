import { expect, test } from '@jest/globals';
import { parseRedisReply } from './redis-ping.ts';

const INFO = '$52\r\n# Server\r\nredis_version:7.0.15\r\nprocess_id:4711\r\n\r\n';

test('PONG means ready, and INFO tells whose process it is', () => {
  expect(parseRedisReply(`+PONG\r\n${INFO}+OK\r\n`)).toEqual({ ready: true, processId: 4711 });
});

test('a server that still loads its append-only file is not ready', () => {
  const loading = '-LOADING Redis is loading the dataset in memory\r\n';
  expect(parseRedisReply(`${loading}${INFO}+OK\r\n`)).toEqual({ ready: false, processId: 4711 });
});

test('whatever else listens there is not ready', () => {
  expect(parseRedisReply('HTTP/1.1 400 Bad Request\r\n')).toEqual({ ready: false, processId: undefined });
  expect(parseRedisReply('')).toEqual({ ready: false, processId: undefined });
});
