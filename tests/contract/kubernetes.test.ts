import { execFileSync, spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseEnv } from 'node:util';
import { afterAll, expect, test } from '@jest/globals';
import { ScaledObject } from '@kubernetes-models/keda/keda.sh/v1alpha1/ScaledObject';
import type { Scaling } from '@pushfleet/app-producer/scaling';
import { loadConfig } from '@pushfleet/shared/platform/config';
import { startHealthServer } from '@pushfleet/shared/platform/health-server';
import {
  boardSettings,
  overviewSettings,
  producerSettings,
  toolSettings,
  workerSettings,
} from '@pushfleet/shared/platform/process-settings';
import { SECRETS, settings } from '@pushfleet/shared/platform/settings';
import { Deployment } from 'kubernetes-models/apps/v1/Deployment';
import { Job } from 'kubernetes-models/batch/v1/Job';
import { NetworkPolicy } from 'kubernetes-models/networking.k8s.io/v1/NetworkPolicy';
import { PodDisruptionBudget } from 'kubernetes-models/policy/v1/PodDisruptionBudget';
import { Service } from 'kubernetes-models/v1/Service';
import { parse, parseAllDocuments } from 'yaml';
import { buildProgram } from '../../apps/cli/dist/program.js';
import { validateStrictly } from '../harness/strict-model.ts';

/** `deploy/kubernetes`: objects that Kubernetes would take, and that say what our code does. */
// biome-ignore lint/suspicious/noExplicitAny: objects of a file, checked by their models first
type Manifest = any;

const ROOT = fileURLToPath(new URL('../../deploy/kubernetes/', import.meta.url));
const MODELS = { Deployment, Job, NetworkPolicy, PodDisruptionBudget, Service, ScaledObject };
const SETTINGS_OF = {
  producer: producerSettings,
  worker: workerSettings,
  board: [...boardSettings, ...overviewSettings],
  migrate: toolSettings,
} as const;
type Component = keyof typeof SETTINGS_OF;

const DIRECTORIES = ['base', 'overlays/example', 'overlays/keda'];
const kustomizations = new Map<string, Manifest>(
  DIRECTORIES.map((directory) => [directory, parse(read(join(directory, 'kustomization.yaml')))]),
);
const files = DIRECTORIES.flatMap((directory) =>
  readdirSync(join(ROOT, directory))
    .filter((name) => name.endsWith('.yaml') && name !== 'kustomization.yaml')
    .map((name) => join(directory, name)),
);
const objects: Manifest[] = files.flatMap((file) =>
  parseAllDocuments(read(file)).map((document) => document.toJS()),
);
const workloads = objects.filter(({ kind }) => kind === 'Deployment' || kind === 'Job');
const example = kustomizations.get('overlays/example');
const secretDirectory = mkdtempSync(join(tmpdir(), 'pushfleet-kubernetes-'));
afterAll(() => rmSync(secretDirectory, { recursive: true }));

test.each(files)('%s fits the schemas of Kubernetes and KEDA, to the last field', (file) => {
  const documents = parseAllDocuments(read(file));
  expect(documents.length).toBeGreaterThan(0);
  for (const document of documents) {
    expect(document.errors).toEqual([]);
    const object = document.toJS() as { kind: keyof typeof MODELS; apiVersion: string };
    expect(object.apiVersion).toBe(MODELS[object.kind].apiVersion);
    expect([object.kind, validateStrictly(MODELS[object.kind], object)]).toEqual([object.kind, []]);
  }
});

test.each(DIRECTORIES)(
  '%s: kustomization.yaml names each file, and each file that it names is there',
  (dir) => {
    const { resources = [], configMapGenerator = [] } = kustomizations.get(dir);
    const own = files.filter((file) => file.startsWith(`${dir}/`)).map((file) => basename(file));
    const named = resources.filter((path: string) => path.endsWith('.yaml'));
    expect([...named].sort()).toEqual(own.sort());
    const others = resources.filter((path: string) => !path.endsWith('.yaml'));
    for (const path of others) expect(readdirSync(join(ROOT, dir, path))).toContain('kustomization.yaml');
    for (const { envs } of configMapGenerator)
      for (const path of envs) expect(Object.keys(envFile(path)).length).toBeGreaterThan(0);
  },
);

test('there is a workload for each process; each runs its command in our image', async () => {
  const commands = (await buildProgram()).commands.map((command: { name(): string }) => command.name());
  expect(workloads.map(componentOf).sort()).toEqual(['board', 'migrate', 'producer', 'worker']);
  for (const workload of workloads) {
    expect(container(workload)).toMatchObject({ image: 'pushfleet', args: [componentOf(workload)] });
    expect(container(workload).command).toBeUndefined(); // the image's entry point
    expect(commands).toContain(componentOf(workload));
  }
  expect(example.images).toEqual([expect.objectContaining({ name: 'pushfleet' })]);
});

test.each(Object.keys(SETTINGS_OF) as Component[])(
  '%s starts with the settings and secrets of the example',
  (name) => {
    const { env, envFrom, volumeMounts } = container(workloadOf(name));
    const environment: Record<string, string> = {};
    for (const { configMapRef } of envFrom) {
      const [path] = generator('configMapGenerator', configMapRef.name).envs;
      Object.assign(environment, envFile(path));
    }
    const mount = volumeMounts.find((one: Manifest) => one.name === 'secrets').mountPath;
    const { secret } = volumes(name).find((one: Manifest) => one.name === 'secrets');
    const keys = generator('secretGenerator', secret.secretName).files.map(
      (file: string) => file.split('=')[0],
    );
    const mounted: string[] = [];
    for (const { name: variable, value } of env) {
      environment[variable] = value.replace(mount, secretDirectory);
      if (variable.endsWith('_FILE')) mounted.push(value.slice(`${mount}/`.length));
    }
    expect(mounted.sort()).toEqual(keys.sort());
    for (const key of keys) writeFileSync(join(secretDirectory, key), 'a secret');
    expect(() => loadConfig(SETTINGS_OF[name], environment)).not.toThrow();
    // Nothing that another process should have.
    const secrets = env.map(({ name: variable }: Manifest) => variable.replace(/_FILE$/, ''));
    for (const one of SECRETS.filter((one) => secrets.includes(one)))
      expect(SETTINGS_OF[name]).toContain(one);
    expect(
      Object.keys(environment).filter(
        (one) => /^PUSHFLEET_(MYSQL|APNS_KEY|BOARD)/.test(one) && !ownSetting(name, one),
      ),
    ).toEqual([]);
  },
);

test('probes ask for paths that are answered, on the port that is listened on', async () => {
  const image = parseEnv(
    /^ENV (.*)$/m.exec(readFileSync(join(ROOT, '../../Dockerfile'), 'utf8'))![1]!.replaceAll(' ', '\n'),
  );
  const health = await startHealthServer(
    0,
    { live: () => null, ready: () => null, metrics: async () => '' },
    '127.0.0.1',
  );
  // The board cannot be started here; its own tests ask it.
  const board = readFileSync(join(ROOT, '../../apps/board/src/board-server.ts'), 'utf8');
  try {
    for (const workload of workloads.filter(({ kind }) => kind === 'Deployment')) {
      const { ports, startupProbe, livenessProbe, readinessProbe } = container(workload);
      const isBoard = componentOf(workload) === 'board';
      expect(ports).toEqual([
        {
          name: 'http',
          containerPort: isBoard
            ? settings.PUSHFLEET_BOARD_PORT.parse(undefined)
            : Number(image.PUSHFLEET_HTTP_PORT),
        },
      ]);
      for (const { httpGet } of [startupProbe, livenessProbe, readinessProbe]) {
        expect(httpGet.port).toBe('http');
        if (isBoard) expect(board).toContain(`server.get('${httpGet.path}'`);
        else {
          const { status } = await fetch(`http://127.0.0.1:${health.port}${httpGet.path}`);
          expect([httpGet.path, status]).toEqual([httpGet.path, 200]);
        }
      }
      expect([startupProbe.httpGet.path, livenessProbe.httpGet.path]).toEqual([
        '/health/live',
        '/health/live',
      ]);
      if (!isBoard) expect(readinessProbe.httpGet.path).toBe('/health/ready');
    }
  } finally {
    await health.close();
  }
});

test('each pod has time to drain, and none may do what it need not', () => {
  for (const workload of workloads) {
    const pod = workload.spec.template.spec;
    if (workload.kind === 'Deployment')
      expect(pod.terminationGracePeriodSeconds * 1_000).toBeGreaterThan(
        settings.PUSHFLEET_DRAIN_TIMEOUT_MS.parse(undefined),
      );
    expect(pod).toMatchObject({
      enableServiceLinks: false,
      automountServiceAccountToken: false,
      securityContext: {
        runAsNonRoot: true,
        runAsUser: 1000,
        fsGroup: 1000,
        seccompProfile: { type: 'RuntimeDefault' },
      },
    });
    const { securityContext, resources, volumeMounts } = container(workload);
    expect(securityContext).toEqual({
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ['ALL'] },
    });
    expect(Object.keys(resources.limits)).toEqual(['memory']);
    const writable = volumeMounts.filter((mount: Manifest) => mount.readOnly !== true);
    expect(writable).toEqual([
      { name: 'tmp', mountPath: container(workload).env.find((one: Manifest) => one.name === 'HOME').value },
    ]);
    expect(volumeMounts.map((mount: Manifest) => mount.name)).toEqual(
      pod.volumes.map((volume: Manifest) => volume.name),
    );
  }
});

test('selectors find their pods', () => {
  const pods = workloads.map((workload) => workload.spec.template.metadata.labels);
  for (const { kind, metadata, spec } of objects) {
    if (kind === 'Deployment') expect(spec.template.metadata.labels).toMatchObject(spec.selector.matchLabels);
    const spread = kind === 'Deployment' ? (spec.template.spec.topologySpreadConstraints ?? []) : [];
    const selectors =
      kind === 'Service'
        ? [spec.selector]
        : kind === 'PodDisruptionBudget'
          ? [spec.selector.matchLabels]
          : spread.map((one: Manifest) => one.labelSelector.matchLabels);
    for (const selector of selectors)
      expect([
        metadata.name,
        pods.filter((labels) => isIn(selector, labels)).map((labels) => labels['app.kubernetes.io/name']),
      ]).toEqual([metadata.name, [metadata.name]]);
    if (kind === 'Service')
      expect(spec.ports).toEqual([
        expect.objectContaining({
          targetPort: 'http',
          port: container(workloadOf(metadata.name.replace('pushfleet-', ''))).ports[0].containerPort,
        }),
      ]);
  }
});

test('only who must may reach MySQL, Redis and Apple; and the example reaches its servers', () => {
  const open = (component: Component) =>
    objects
      .filter(({ kind }) => kind === 'NetworkPolicy')
      .filter(({ spec }) => selects(spec.podSelector, component))
      .flatMap(({ spec }) => spec.egress ?? [])
      .flatMap(({ ports }) => ports.map(({ port }: { port: number }) => port))
      .filter((port) => port !== 53);
  expect(open('migrate')).toEqual([3306]);
  expect(open('producer')).toEqual([3306, 6379, 6380, 26379]);
  expect(open('worker')).toEqual([6379, 6380, 26379, 443, 2197]);
  expect(open('board')).toEqual([3306, 6379, 6380, 26379]);
  for (const name of Object.keys(SETTINGS_OF) as Component[])
    for (const [setting, value] of Object.entries(envFile(`settings/${name}.env`)))
      if (setting.endsWith('_URL'))
        expect([name, setting, open(name)]).toEqual([
          name,
          setting,
          expect.arrayContaining([Number(new URL(value!).port)]),
        ]);
});

test('KEDA asks the producer for the backlog of the app that these workers serve', () => {
  const { spec } = objects.find(({ kind }) => kind === 'ScaledObject');
  const keda = kustomizations.get('overlays/keda');
  expect(spec.scaleTargetRef.name).toBe(workloadOf('worker').metadata.name);
  expect(keda.patches[0].target).toEqual({ kind: 'Deployment', name: spec.scaleTargetRef.name });
  expect(spec.minReplicaCount).toBe(1);
  const [{ metadata, metricType }] = spec.triggers;
  const service = objects.find((one) => one.kind === 'Service' && one.metadata.name === 'pushfleet-producer');
  const { PUSHFLEET_APP } = envFile('settings/common.env');
  expect(metadata.url).toBe(
    `http://${service.metadata.name}.${keda.namespace}.svc:${service.spec.ports[0].port}/scaling/${PUSHFLEET_APP}`,
  );
  const field: keyof Scaling = 'backlog';
  expect(metadata.valueLocation).toBe(field);
  expect([metricType, Number(metadata.targetValue) > 0]).toEqual(['AverageValue', true]); // fallback needs it
  expect(keda.namespace).toBe(example.namespace);
});

const kubectl = spawnSync('kubectl', ['kustomize', '--help']).status === 0;
(kubectl ? test : test.skip)('kubectl kustomize builds the overlays, with every name that is used', () => {
  const copy = join(secretDirectory, 'copy');
  cpSync(ROOT, copy, { recursive: true });
  const secrets = join(copy, 'overlays/example/secrets');
  mkdirSync(secrets, { recursive: true });
  for (const { files } of example.secretGenerator)
    for (const file of files) writeFileSync(join(copy, 'overlays/example', file.split('=')[1]), 'a secret');
  const text = execFileSync('kubectl', ['kustomize', join(copy, 'overlays/keda')], { encoding: 'utf8' });
  const built: Manifest[] = parseAllDocuments(text).map((document) => document.toJS());
  const made = built.map(({ kind, metadata }) => `${kind} ${metadata.name}`);
  const used = [...text.matchAll(/configMapRef:\n\s+name: (\S+)/g)].map(([, name]) => `ConfigMap ${name}`);
  used.push(...[...text.matchAll(/secretName: (\S+)/g)].map(([, name]) => `Secret ${name}`));
  expect(used.length).toBe(11);
  expect(used.filter((name) => !made.includes(name))).toEqual([]);
  expect(new Set(built.map(({ metadata }) => metadata.namespace))).toEqual(new Set(['pushfleet']));
  // What is applied before the rest, by its label, needs nothing of the rest.
  const first = built.filter(
    ({ metadata }) => metadata.labels?.['app.kubernetes.io/component'] === 'migrate',
  );
  expect(first.map(({ kind }) => kind).sort()).toEqual(['ConfigMap', 'Job', 'Secret']);
  const worker = built.find(
    ({ kind, metadata }) => kind === 'Deployment' && metadata.name === 'pushfleet-worker',
  );
  expect(worker.spec.replicas).toBeUndefined();
});

function read(path: string): string {
  return readFileSync(join(ROOT, path), 'utf8');
}

function envFile(path: string) {
  return parseEnv(read(join('overlays/example', path)));
}

function componentOf(workload: Manifest): Component {
  return workload.metadata.labels['app.kubernetes.io/component'];
}

function workloadOf(component: string): Manifest {
  return workloads.find((workload) => componentOf(workload) === component);
}

function container(workload: Manifest): Manifest {
  const { containers } = workload.spec.template.spec;
  expect(containers).toHaveLength(1);
  return containers[0];
}

function volumes(component: Component): Manifest[] {
  return workloadOf(component).spec.template.spec.volumes;
}

function generator(kind: 'configMapGenerator' | 'secretGenerator', name: string): Manifest {
  return example[kind].find((one: Manifest) => one.name === name);
}

function ownSetting(component: Component, variable: string): boolean {
  return (SETTINGS_OF[component] as readonly string[]).includes(variable.replace(/_FILE$/, ''));
}

function isIn(part: Record<string, string>, whole: Record<string, string>): boolean {
  return Object.entries(part).every(([key, value]) => whole[key] === value);
}

/** The label that the base adds to every pod is part of every selector. */
function selects({ matchLabels = {}, matchExpressions = [] }: Manifest, component: Component): boolean {
  const labels = {
    ...workloadOf(component).spec.template.metadata.labels,
    'app.kubernetes.io/part-of': 'pushfleet',
  };
  return (
    isIn(matchLabels, labels) &&
    matchExpressions.every(({ key, values }: { key: string; values: string[] }) =>
      values.includes(labels[key]),
    )
  );
}
