import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { send } from './http.js';
import { freePort } from './redis-server.js';
import { eventually } from './wait.js';

export type ProxyKind = 'nginx' | 'haproxy' | 'caddy';

interface Recipe {
  readonly file: string;
  /** What the test changes in the file beside the nodes' addresses: where it listens, and where it writes. */
  readonly adapt: (text: string, port: number, folder: string) => string;
  readonly args: (file: string, folder: string) => readonly string[];
  /** What ends it at once. nginx must end its workers itself. */
  readonly end: NodeJS.Signals;
}

const RECIPES: Readonly<Record<ProxyKind, Recipe>> = {
  nginx: {
    file: 'deploy/proxy/nginx.conf',
    adapt: (text, port, folder) =>
      text
        .replace('listen 80;', `listen 127.0.0.1:${port};`)
        .replaceAll('/run/', `${folder}/`)
        .replaceAll('/var/log/nginx/', `${folder}/`)
        .replace('http {', `http { ${temporaryPaths(folder)}`),
    args: (file, folder) => ['-c', file, '-p', folder, '-e', 'stderr', '-g', 'daemon off;'],
    end: 'SIGTERM',
  },
  haproxy: {
    file: 'deploy/proxy/haproxy.cfg',
    adapt: (text, port) => text.replace('bind :80', `bind 127.0.0.1:${port}`),
    args: (file) => ['-db', '-f', file],
    end: 'SIGKILL',
  },
  caddy: {
    file: 'deploy/proxy/Caddyfile',
    // Its own remote control would listen on one port for all tests.
    adapt: (text, port) => `{\n\tadmin off\n}\n${text.replace('\n:80 {', `\n:${port} {\n\tbind 127.0.0.1`)}`,
    args: (file) => ['run', '--config', file, '--adapter', 'caddyfile'],
    end: 'SIGKILL',
  },
};

/** Whoever is not root may not write where nginx was told to when it was built. */
function temporaryPaths(folder: string): string {
  const names = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'];
  return names.map((name) => `${name}_temp_path ${folder}/${name};`).join(' ');
}

/** A real nginx, HAProxy or Caddy with its file of deploy/proxy. */
export class ProxyProcess {
  private constructor(
    readonly url: string,
    private readonly child: ChildProcess,
    private readonly folder: string,
    private readonly end: NodeJS.Signals,
  ) {}

  /** @param nodes URLs that take the places of the three nodes, in their order */
  static async start(kind: ProxyKind, nodes: readonly [string, string, string]): Promise<ProxyProcess> {
    const { file, adapt, args, end } = RECIPES[kind];
    const folder = await mkdtemp(join(tmpdir(), `notifier-${kind}-`));
    const port = await freePort();
    const text = adapt(await readFile(file, 'utf8'), port, folder);
    const config = join(folder, 'proxy.conf');
    await writeFile(config, withNodes(text, nodes));
    const environment = { XDG_CONFIG_HOME: folder, XDG_DATA_HOME: folder };
    const env = { ...process.env, ...environment, PATH: `${process.env['PATH']}:/usr/sbin` };
    const child = spawn(kind, args(config, folder), { env, stdio: ['ignore', 'ignore', 'pipe'] });
    let output = '';
    child.stderr.on('data', (chunk: Buffer) => (output = (output + chunk).slice(-4000)));
    const proxy = new ProxyProcess(`http://127.0.0.1:${port}`, child, folder, end);
    await eventually(() => {
      if (child.exitCode !== null) throw new Error(`${kind} ended: ${output}`);
      return proxy.isReady();
    }, `${kind} is ready`);
    return proxy;
  }

  private isReady(): Promise<boolean> {
    return send(this.url, '/health/ready').then(
      ({ status }) => status === 200,
      () => false,
    );
  }

  async remove(): Promise<void> {
    if (this.child.exitCode === null) {
      const ended = once(this.child, 'close');
      this.child.kill(this.end);
      await ended;
    }
    await rm(this.folder, { recursive: true, force: true });
  }
}

/** @throws Error where the file does not name each node once */
function withNodes(text: string, nodes: readonly string[]): string {
  const pieces = text.split(/10\.0\.0\.[123]:8080/);
  if (pieces.length !== nodes.length + 1) throw new Error('the file does not name three nodes');
  return pieces.map((piece, i) => piece + (nodes[i] ? new URL(nodes[i]).host : '')).join('');
}
