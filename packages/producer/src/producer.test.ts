import { expect, test } from '@jest/globals';
import { rowsOf } from './connection.ts';
import { ProducerOptionsError } from './errors.ts';
import { poolOptions } from './open-pool.ts';
import { createProducer, type ProducerOptions } from './producer.ts';
import { ownTable, quote, readSchema, type SchemaOption } from './schema.ts';
import { redisArguments } from './wake-publisher.ts';

const mysql = 'mysql://push@localhost/app';

test.each<[string, object, RegExp]>([
  ['no mysql', { mysql: undefined }, /mysql is missing/],
  ['a URL of something else', { mysql: 'postgres://localhost/app' }, /mysql:\/\/user@host/],
  ['a URL without a database', { mysql: 'mysql://localhost' }, /names no database/],
  ['an unknown parameter of the URL', { mysql: `${mysql}?ssl=true` }, /only parameter .* is ssl-mode/],
  ['an unknown ssl-mode', { mysql: `${mysql}?ssl-mode=MAYBE` }, /DISABLED, PREFERRED/],
  ['a connection in place of a pool', { mysql: { query() {} } }, /goes to enqueue as \{ connection \}/],
  ['a Redis URL of another kind', { redis: 'http://localhost' }, /redis must be/],
  ['an unknown zone', { timezone: 'Mars/Olympus' }, /no zone/],
  ['an unknown option', { timeZone: 'UTC' }, /"timeZone" is unknown/],
  ['a name that could break out', { schema: { token: { table: 'a`; DROP' } } }, /schema.token.table/],
  ['a column that does not exist', { schema: { token: { tokn: 'x' } } }, /schema.token.tokn is unknown/],
])('%s is refused when the producer is made', (_, part, message) => {
  expect(() => createProducer({ mysql, ...part } as ProducerOptions)).toThrow(message);
  expect(() => createProducer({ mysql, ...part } as ProducerOptions)).toThrow(ProducerOptionsError);
});

test('a schema changes the names it gives and keeps the others', () => {
  const schema = readSchema({ token: { table: 'app.devices', registeredAt: 'seen' } } as SchemaOption);
  expect(schema.token).toMatchObject({ table: 'app.devices', registeredAt: 'seen', active: 'active' });
  expect(readSchema().token).toMatchObject({ table: 'token', registeredAt: null });
  expect(quote(schema.token.table)).toBe('`app`.`devices`');
  expect(ownTable('request', 'push')).toBe('`push`.`pushfleet_request`');
});

test.each([
  ['DISABLED', undefined],
  ['REQUIRED', { rejectUnauthorized: false }],
  ['VERIFY_IDENTITY', { rejectUnauthorized: true, verifyIdentity: true }],
])('ssl-mode %s', (mode, ssl) => {
  expect(poolOptions(`${mysql}?ssl-mode=${mode}`).options.ssl).toEqual(ssl);
});

test.each([
  ['rows', [{ a: 1 }]],
  ['[rows, fields]', [[{ a: 1 }], []]],
  ['{ rows }', { rows: [{ a: 1 }] }],
])('rows come as %s', (_, result) => {
  expect(rowsOf(result)).toEqual([{ a: 1 }]);
});

test.each([
  ['no rows', []],
  ['[no rows, fields]', [[], []]],
  ['nothing', undefined],
])('%s is no row', (_, result) => {
  expect(rowsOf(result)).toEqual([]);
});

test('Redis may be one server, a cluster, or found by sentinels', () => {
  expect(redisArguments('redis://a').args[0]).toBe('redis://a');
  expect(redisArguments('redis://a, redis://b')).toMatchObject({
    cluster: true,
    args: [['redis://a', 'redis://b'], {}],
  });
  expect(redisArguments('redis+sentinel://:pw@h1,h2:2/main').args[0]).toMatchObject({
    name: 'main',
    password: 'pw',
    sentinels: [
      { host: 'h1', port: 26379 },
      { host: 'h2', port: 2 },
    ],
  });
});
