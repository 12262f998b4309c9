import { execFile } from 'node:child_process';
import { access, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, test } from '@jest/globals';
import { parseAllDocuments } from 'yaml';
import { readConfig, type Config } from '../src/config.js';
import { ALLOWED_METHODS } from '../src/http/routes.js';

const ROOT = join(import.meta.dirname, '..');

const read = (path: string) => readFile(join(ROOT, path), 'utf8');

/** What stands in for the operator's own secrets. */
const SECRETS = {
  NOTIFIER_JWT_SECRET: 'a-secret-of-at-least-32-characters',
  NOTIFIER_API_KEYS: 'backend:a-key-of-16-or-more:push',
};

/** After the grace, what closing the store and the last sockets may take. `src/server.ts` allows 0.9 s. */
const CLOSE_MS = 1000;

/** The documents of a YAML file, without a warning. */
async function yaml<T>(path: string): Promise<T[]> {
  const documents = parseAllDocuments(await read(path), { strict: true });
  return documents.map((document) => {
    expect([...document.errors, ...document.warnings]).toEqual([]);
    return document.toJS() as T;
  });
}

/** The configuration that an environment makes, with the operator's secrets where it leaves them open. */
function configOf(environment: Readonly<Record<string, string>>): Config {
  const isSecret = (name: string) => name in SECRETS;
  const own = Object.entries(environment).filter(([name]) => !isSecret(name) && name !== 'NODE_ENV');
  expect(Object.keys(environment).filter(isSecret)).toEqual(Object.keys(SECRETS));
  return readConfig({ ...Object.fromEntries(own), ...SECRETS });
}

describe('deploy/Dockerfile', () => {
  /** The instructions, lines that go on joined. */
  async function instructions(): Promise<[name: string, rest: string][]> {
    const text = (await read('deploy/Dockerfile')).replaceAll('\\\n', ' ');
    const lines = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
    return lines.map((line) => [line.split(' ')[0]!, line.slice(line.indexOf(' ') + 1)]);
  }

  const lastStage = async () => {
    const all = await instructions();
    return all.slice(all.findLastIndex(([name]) => name === 'FROM'));
  };

  const last = async (wanted: string) => (await lastStage()).findLast(([name]) => name === wanted)?.[1] ?? '';

  test('has a stage that builds, and runs as somebody else than root', async () => {
    const stages = (await instructions()).filter(([name]) => name === 'FROM');
    expect(stages.length).toBeGreaterThan(1);
    expect(await last('USER')).toBe('node');
    expect((await lastStage()).map(([, rest]) => rest).join()).not.toContain('npm ci');
  });

  test('copies what is there, and what its ignore file lets through', async () => {
    const ignored = (await read('deploy/Dockerfile.dockerignore')).split('\n');
    const copied = (await instructions()).filter(
      ([name, rest]) => name === 'COPY' && !rest.startsWith('--from'),
    );
    for (const path of copied.flatMap(([, rest]) => rest.split(' ').slice(0, -1))) {
      await expect(access(join(ROOT, path))).resolves.toBeUndefined();
      expect(ignored).toContain(`!${path.replace('./', '')}`);
    }
  });

  test('sets what the server knows, and asks it how it is on the port that it listens on', async () => {
    const environment = Object.fromEntries((await last('ENV')).split(' ').map((pair) => pair.split('='))) as {
      PORT: string;
    };
    expect(configOf({ ...environment, ...SECRETS })).toMatchObject({
      port: 8080,
      dataDir: await last('VOLUME'),
    });
    expect(await last('EXPOSE')).toBe(environment.PORT);
    const [, path] = /\$\{process\.env\.PORT\}(\/[\w/]+)/.exec(await last('HEALTHCHECK'))!;
    expect(ALLOWED_METHODS).toHaveProperty([path!]);
  });

  test('starts a program that the build makes', async () => {
    const [node, program] = JSON.parse(await last('ENTRYPOINT')) as string[];
    expect(node).toBe('node');
    const { bin } = JSON.parse(await read('package.json')) as { bin: { notifier: string } };
    expect(program).toBe(bin.notifier);
    await expect(
      access(join(ROOT, program!.replace('dist', 'src').replace(/js$/, 'ts'))),
    ).resolves.toBeUndefined();
    expect(JSON.parse(await last('CMD'))).toEqual(['serve']);
  });
});

describe('deploy/compose.yaml', () => {
  interface Service {
    readonly build: { context: string; dockerfile: string };
    readonly ports: string[];
    readonly environment: Record<string, string>;
    readonly volumes: string[];
    readonly stop_grace_period: string;
    readonly ulimits: { nofile: number };
  }

  test('builds the image, and gives it settings that the server takes', async () => {
    const [compose] = await yaml<{ services: { notifier: Service }; volumes: object }>('deploy/compose.yaml');
    const { notifier } = compose!.services;
    await expect(
      access(join(ROOT, 'deploy', notifier.build.context, notifier.build.dockerfile)),
    ).resolves.toBeUndefined();
    const config = configOf(notifier.environment);
    expect(notifier.ports).toEqual(['8080:8080']);
    expect(Object.keys(compose!.volumes)).toEqual(notifier.volumes.map((volume) => volume.split(':')[0]));
    expect(Number.parseInt(notifier.stop_grace_period) * 1000).toBeGreaterThan(
      config.shutdownGraceMs + CLOSE_MS,
    );
    expect(notifier.ulimits.nofile).toBeGreaterThanOrEqual(config.maxConnections + 256);
  });
});

describe('deploy/compose-two-nodes.yaml', () => {
  interface Node {
    readonly build: { context: string; dockerfile: string };
    readonly environment: Record<string, string>;
    readonly stop_grace_period: string;
    readonly networks: { notifier: { ipv4_address: string } };
  }

  interface Compose {
    readonly services: {
      node1: Node;
      node2: Node;
      proxy: { volumes: [string] };
      redis: { command: string };
    };
  }

  async function services() {
    const documents = parseAllDocuments(await read('deploy/compose-two-nodes.yaml'), { merge: true });
    return (documents[0]!.toJS() as Compose).services;
  }

  test('gives both nodes settings that the server takes, and the Redis beside them', async () => {
    const { node1, node2 } = await services();
    for (const node of [node1, node2]) {
      await expect(
        access(join(ROOT, 'deploy', node.build.context, node.build.dockerfile)),
      ).resolves.toBeUndefined();
      const config = configOf(node.environment);
      expect(config).toMatchObject({ store: 'redis' });
      expect(config.trustedProxies).toBeDefined();
      expect(node.environment['NOTIFIER_REDIS_URL']).toBe('redis://redis:6379');
      expect(Number.parseInt(node.stop_grace_period) * 1000).toBeGreaterThan(
        config.shutdownGraceMs + CLOSE_MS,
      );
    }
  });

  test('puts the nodes where the proxy looks for them', async () => {
    const { node1, node2, proxy } = await services();
    const [file] = proxy.volumes[0].split(':');
    const config = await read(join('deploy', file!));
    for (const { networks } of [node1, node2])
      expect(config).toContain(`${networks.notifier.ipv4_address}:8080`);
  });

  test('sets Redis to what docs/operations.md asks for', async () => {
    const { redis } = await services();
    const operations = await read('docs/operations.md');
    for (const setting of ['appendonly yes', 'appendfsync always', 'maxmemory-policy noeviction']) {
      expect(redis.command).toContain(`--${setting}`);
      expect(operations).toContain(`\`${setting}\``);
    }
  });
});

describe.each(['nginx.conf', 'haproxy.cfg', 'Caddyfile'])('deploy/proxy/%s', (file) => {
  test('asks for the readiness of nodes, and keeps quiet connections for more than two heartbeats', async () => {
    const text = await read(join('deploy/proxy', file));
    expect(text).toContain('/health/ready');
    const { heartbeatMs } = readConfig({});
    const kept = text.matchAll(/^ *(?:proxy_read_timeout|timeout (?:client|server|tunnel)) (\d+)s/gm);
    const seconds = [...kept].map((match) => Number(match[1])).filter((value) => value !== 2);
    expect(seconds).toHaveLength({ 'nginx.conf': 1, 'haproxy.cfg': 3, Caddyfile: 0 }[file]!);
    for (const value of seconds) expect(value * 1000).toBeGreaterThan(2 * heartbeatMs);
  });
});

describe('deploy/notifier.service', () => {
  async function unit(): Promise<Map<string, string>> {
    const lines = (await read('deploy/notifier.service'))
      .split('\n')
      .filter((line) => /^[A-Z]\w+=/.test(line));
    return new Map(lines.map((line) => [line.split('=')[0]!, line.slice(line.indexOf('=') + 1)]));
  }

  test('gives the server settings that it takes, and the time that it needs', async () => {
    const settings = await unit();
    const environment = Object.fromEntries(
      settings
        .get('Environment')!
        .split(' ')
        .map((pair) => pair.split('=')),
    ) as Record<string, string>;
    const config = configOf({ ...environment, ...SECRETS });
    expect(config.dataDir).toBe(`/var/lib/${settings.get('StateDirectory')}`);
    expect(Number(settings.get('TimeoutStopSec')) * 1000).toBeGreaterThan(config.shutdownGraceMs + CLOSE_MS);
    expect(Number(settings.get('LimitNOFILE'))).toBeGreaterThanOrEqual(config.maxConnections + 256);
  });

  test('starts the program of the package, as somebody else than root', async () => {
    const settings = await unit();
    const { bin } = JSON.parse(await read('package.json')) as { bin: { notifier: string } };
    expect(settings.get('ExecStart')).toContain(` /opt/notifier/node_modules/notifier/${bin.notifier} serve`);
    expect(settings.get('DynamicUser')).toBe('yes');
  });

  test('has nothing that systemd complains of, where there is one to ask', async () => {
    const hasSystemd = await access('/usr/bin/systemd-analyze').then(
      () => true,
      () => false,
    );
    if (!hasSystemd) return;
    const folder = await mkdtemp(join(tmpdir(), 'notifier-unit-'));
    const path = join(folder, 'notifier.service');
    await writeFile(path, (await read('deploy/notifier.service')).replace('/usr/bin/node', process.execPath));
    const { stdout, stderr } = await promisify(execFile)('systemd-analyze', ['verify', path]);
    expect(stdout + stderr).not.toContain('notifier.service');
    await rm(folder, { recursive: true });
  });
});

describe('deploy/kubernetes.yaml', () => {
  interface Probe {
    readonly httpGet: { path: string; port: string };
    readonly periodSeconds: number;
    readonly failureThreshold: number;
  }

  interface Container {
    readonly ports: { name: string; containerPort: number }[];
    readonly env: { name: string; value?: string }[];
    readonly startupProbe: Probe;
    readonly livenessProbe: Probe;
    readonly readinessProbe: Probe;
    readonly volumeMounts: { name: string; mountPath: string }[];
  }

  interface Pod {
    readonly terminationGracePeriodSeconds: number;
    readonly securityContext: { runAsNonRoot: boolean };
    readonly containers: [Container];
  }

  interface Service {
    readonly spec: { selector: object; ports: [{ targetPort: string }] };
  }

  interface StatefulSet {
    readonly spec: {
      replicas: number;
      serviceName: string;
      selector: { matchLabels: object };
      template: { metadata: { labels: object }; spec: Pod };
      volumeClaimTemplates: [{ metadata: { name: string } }];
    };
  }

  async function parts() {
    const [service, set] = (await yaml('deploy/kubernetes.yaml')) as [Service, StatefulSet];
    const pod = set.spec.template.spec;
    const [container] = pod.containers;
    const config = configOf(Object.fromEntries(container.env.map(({ name, value = '' }) => [name, value])));
    return { service, set, pod, container, config };
  }

  test('gives the server settings that it takes, on the port that the service and the probes name', async () => {
    const { service, container, config } = await parts();
    expect(container.ports).toEqual([{ name: 'http', containerPort: config.port }]);
    const probes = [container.startupProbe, container.livenessProbe, container.readinessProbe];
    for (const { httpGet } of probes) {
      expect(httpGet.port).toBe('http');
      expect(ALLOWED_METHODS).toHaveProperty([httpGet.path]);
    }
    expect(service.spec.ports[0].targetPort).toBe('http');
    expect(container.readinessProbe.httpGet.path).toBe('/health/ready');
  });

  test('finds its own pods, and never runs two on one volume', async () => {
    const { service, set, container, config } = await parts();
    const { labels } = set.spec.template.metadata;
    expect([service.spec.selector, set.spec.selector.matchLabels]).toEqual([labels, labels]);
    expect(set.spec.replicas).toBe(1);
    const [{ metadata }] = set.spec.volumeClaimTemplates;
    expect(container.volumeMounts).toEqual([{ name: metadata.name, mountPath: config.dataDir }]);
  });

  test('waits for the orderly end: traffic stops before connections do, and the grace is over before the kill', async () => {
    const { pod, container, config } = await parts();
    const { periodSeconds, failureThreshold } = container.readinessProbe;
    expect(config.shutdownDelayMs).toBeGreaterThanOrEqual(2 * periodSeconds * failureThreshold * 1000);
    expect(config.shutdownGraceMs).toBeGreaterThan(config.shutdownDelayMs);
    expect(pod.terminationGracePeriodSeconds * 1000).toBeGreaterThan(config.shutdownGraceMs + CLOSE_MS);
    expect(pod.securityContext.runAsNonRoot).toBe(true);
  });
});
