import { spawn, type ChildProcess } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { remember } from './children.js';
import { askOnce, freePort, type RedisProcess } from './redis-server.js';
import { eventually } from './wait.js';

/** Setting up and failing over take seconds on an idle machine. */
const SETTLED_MS = 60_000;

interface Sentinel {
  readonly port: number;
  readonly folder: string;
  readonly child: ChildProcess;
}

/** Real Redis Sentinels that watch one master and promote a replica within seconds, once most of them agree. */
export class Sentinels {
  private constructor(private readonly all: readonly Sentinel[]) {}

  /** Starts them and waits until they know each other and all replicas. */
  static async start(master: RedisProcess, replicas: number, count: number): Promise<Sentinels> {
    const quorum = Math.floor(count / 2) + 1;
    const sentinels = new Sentinels(
      await Promise.all(Array.from({ length: count }, () => spawnSentinel(master, quorum))),
    );
    await eventually(() => sentinels.know(replicas), 'the Sentinels know everybody', SETTLED_MS);
    return sentinels;
  }

  get url(): string {
    return `redis+sentinel://${this.all.map(({ port }) => `127.0.0.1:${port}`).join(',')}/main`;
  }

  /** Has them want to be shown a user’s password, which nobody here shows them from then on. */
  async lock(user: string, password: string): Promise<void> {
    for (const { port } of this.all) {
      const give = (name: string, secret: string) =>
        askOnce(port, 'ACL', 'SETUSER', name, 'on', 'allcommands', 'allchannels', 'resetpass', `>${secret}`);
      await give(user, password);
      if (user !== 'default') await give('default', randomUUID());
    }
  }

  /** The port of the server that most take for the master. */
  async master(): Promise<number> {
    const ports = await Promise.all(this.all.map(({ port }) => masterOf(port)));
    return ports.toSorted((a, b) => a - b)[ports.length >> 1]!;
  }

  /** How far each of them takes the replica at `replica` to be, at least, in bytes: what they go by when they choose one. They ask every 10 s. */
  async knownOffset(replica: number): Promise<number> {
    const offsets = this.all.map(async ({ port }) => {
      const replicas = (await askOnce(port, 'SENTINEL', 'REPLICAS', 'main')) as string[][];
      const seen = replicas.find((members) => members[members.indexOf('port') + 1] === String(replica));
      return seen ? Number(seen[seen.indexOf('slave-repl-offset') + 1]) : 0;
    });
    return Math.min(...(await Promise.all(offsets)));
  }

  private async know(replicas: number): Promise<boolean> {
    const knowing = this.all.map(async ({ port }) => {
      const seen = await Promise.all([askList(port, 'REPLICAS'), askList(port, 'SENTINELS')]);
      return seen[0] === replicas && seen[1] === this.all.length - 1;
    });
    return (await Promise.all(knowing)).every(Boolean);
  }

  async remove(): Promise<void> {
    await Promise.all(
      this.all.map(async ({ child, folder }) => {
        const ended = once(child, 'close');
        child.kill('SIGKILL');
        await ended;
        await rm(folder, { recursive: true, force: true });
      }),
    );
  }
}

async function spawnSentinel(master: RedisProcess, quorum: number): Promise<Sentinel> {
  const folder = await mkdtemp(join(tmpdir(), 'notifier-sentinel-'));
  const port = await freePort();
  const file = join(folder, 'sentinel.conf');
  const settings = [
    `port ${port}`,
    'bind 127.0.0.1',
    `dir ${folder}`,
    `sentinel monitor main 127.0.0.1 ${master.port} ${quorum}`,
    'sentinel down-after-milliseconds main 1000',
    'sentinel failover-timeout main 10000',
    'sentinel parallel-syncs main 2',
  ];
  await writeFile(file, settings.join('\n'));
  const child = remember(spawn('redis-server', [file, '--sentinel'], { stdio: 'ignore' }));
  return { port, folder, child };
}

async function masterOf(sentinel: number): Promise<number> {
  const address = await askOnce(sentinel, 'SENTINEL', 'GET-MASTER-ADDR-BY-NAME', 'main').catch(() => []);
  return Number((address as string[])[1] ?? 0);
}

/** How many the list has; `undefined` where there is no answer. */
async function askList(sentinel: number, what: string): Promise<number | undefined> {
  return askOnce(sentinel, 'SENTINEL', what, 'main').then(
    (list) => (list as unknown[]).length,
    () => undefined,
  );
}
