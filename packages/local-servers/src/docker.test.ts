import { expect, test } from '@jest/globals';
import { containerName, dockerRunArguments } from './docker.ts';

const options = {
  container: 'pushfleet-redis-0123456789ab',
  image: 'redis:7',
  port: 50_001,
  innerPort: 6379,
  dataDirectory: '/home/me/app/.pushfleet/redis',
  innerDirectory: '/data',
  environment: { A: '1' },
  args: ['redis-server', '--port', '6379'],
};

test('a container is published on the loopback address only, runs as our user and removes itself', () => {
  expect(dockerRunArguments(options, '501:20').join(' ')).toBe(
    'run --rm --init --name pushfleet-redis-0123456789ab -p 127.0.0.1:50001:6379 ' +
      '-v /home/me/app/.pushfleet/redis:/data --user 501:20 -e A=1 redis:7 redis-server --port 6379',
  );
});

test('each kind of server and each directory has a container name of its own', () => {
  const names = [
    containerName('redis', '/a'),
    containerName('mysql', '/a'),
    containerName('redis', '/b'),
    containerName('redis', '/a'),
  ];
  expect(new Set(names).size).toBe(3);
});
