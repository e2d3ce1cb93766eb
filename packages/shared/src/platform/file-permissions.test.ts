import { expect, test } from '@jest/globals';
import { permissionFaults, type SecretFile } from './file-permissions.ts';

const secret = (mode: number, more: Partial<SecretFile> & { readonly directoryMode?: number } = {}) =>
  permissionFaults({
    file: { path: '/etc/pushfleet/key.p8', mode },
    directories: [
      { path: '/etc/pushfleet', mode: more.directoryMode ?? 0o755 },
      { path: '/etc', mode: 0o755 },
    ],
    keptBy: more.keptBy ?? null,
  });

test.each([
  ['the owner alone', 0o600, {}, []],
  ['a group that may read', 0o640, {}, []],
  ['others may read', 0o644, {}, [/may be read by others; run: chmod o= \/etc\/pushfleet\/key.p8/]],
  ['others may read, in memory', 0o644, { keptBy: 'memory' }, []],
  ['others may read, a secret of Docker', 0o444, { keptBy: 'docker' }, []],
  ['others may read, a credential of systemd', 0o444, { keptBy: 'systemd' }, []],
  ['others may write, in memory', 0o646, { keptBy: 'memory' }, [/may be written by others; run: chmod go-w/]],
  ['a group may write', 0o660, {}, [/may be written by others/]],
  ['others may do all', 0o666, {}, [/written/, /read/]],
  ['others may read, behind a closed directory', 0o666, { directoryMode: 0o700 }, []],
  ['others may replace it', 0o600, { directoryMode: 0o777 }, [/replaced.*chmod go-w \/etc\/pushfleet$/]],
  ['a directory like /tmp', 0o600, { directoryMode: 0o1777 }, []],
] as const)('%s', (_name, mode, more, faults) => {
  const told = secret(mode, more);
  expect(told).toHaveLength(faults.length);
  faults.forEach((fault, i) => {
    expect(told[i]).toMatch(fault);
  });
});
