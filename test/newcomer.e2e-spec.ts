import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { cp, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join, resolve } from 'node:path';
import { text } from 'node:stream/consumers';
import { Chromium, LAUNCH_MS } from './support/chromium.js';
import { cleanEnvironment } from './support/command.js';
import { codeBlocks } from './support/documents.js';
import { get } from './support/http.js';
import { freePort } from './support/redis-server.js';
import { eventually } from './support/wait.js';

/** An installation and a build, on a machine that does other things as well. */
const DEADLINE_MS = 480_000;

/** What a fresh clone does not have. */
const NOT_CLONED = new Set(['node_modules', 'dist', 'data', '.git', 'coverage', '.faults']);

let clone: string;
let chromium: Chromium | undefined;
const running = new Set<ChildProcess>();

beforeAll(async () => {
  clone = await mkdtemp(join(tmpdir(), 'notifier-clone-'));
  const filter = (path: string) => !NOT_CLONED.has(basename(path));
  await cp(resolve('.'), clone, { recursive: true, filter, preserveTimestamps: true });
  chromium = await Chromium.launch();
}, LAUNCH_MS);
afterAll(async () => {
  await chromium?.close();
  for (const child of running) process.kill(-child.pid!, 'SIGKILL');
  await rm(clone, { recursive: true, force: true });
});

const env = { ...cleanEnvironment(), npm_config_prefer_offline: 'true', NO_PROXY: '*', no_proxy: '*' };

/** Starts what somebody would type into a terminal of their own. */
function start(command: string, environment: Readonly<Record<string, string>> = {}): ChildProcess {
  const options = { cwd: clone, env: { ...env, ...environment }, detached: true } as const;
  // A terminal's input does not end by itself: wscat would go with it.
  const child = spawn('bash', ['-euc', command], { ...options, stdio: ['pipe', 'pipe', 'inherit'] });
  running.add(child);
  child.once('exit', () => running.delete(child));
  return child;
}

/** Runs it to its end. */
async function run(command: string): Promise<{ code: number; stdout: string }> {
  const child = start(command);
  const [stdout, [code]] = await Promise.all([
    text(child.stdout!),
    once(child, 'close') as Promise<[number]>,
  ]);
  return { code, stdout };
}

describe('a newcomer with a fresh clone', () => {
  it(
    'follows docs/quick-start.md to a page that shows pushed events, and misses none',
    async () => {
      // The ports of the document may be somebody else's here; nothing else of its commands is changed.
      const ports = { 8080: await freePort(), 3000: await freePort() };
      const url = `http://127.0.0.1:${ports[8080]}`;
      const commands = (await codeBlocks('docs/quick-start.md'))
        .filter(({ language }) => language === 'sh')
        .map((block) =>
          block.text.replaceAll(/8080|3000/g, (port) => String(ports[port as '8080' | '3000'])),
        );
      const [install, serve, page, servePage, push, wscat, clients, pushAgain] = commands;
      expect(commands).toHaveLength(8);

      expect(await run(install!)).toMatchObject({ code: 0 });
      const server = start(serve!, { PORT: String(ports[8080]) });
      await listens(url);
      expect(await run(page!)).toMatchObject({ code: 0 });
      start(servePage!);
      const pageUrl = `http://localhost:${ports[3000]}`;
      await listens(`http://127.0.0.1:${ports[3000]}`);

      const tab = await chromium!.open(pageUrl);
      const status = `document.querySelector('#status')?.textContent`;
      const shown = `[...document.querySelectorAll('li')].map((item) => item.textContent).join()`;
      await tab.until(`${status} === 'connected'`);
      expect(await run(push!)).toMatchObject({ code: 0, stdout: 'true' });
      await tab.until(`${shown} === '"hello"'`);
      expect((await run(wscat!)).stdout).toContain(
        '[{"accessid":"client1","created_at":1,"payload":"hello"}]',
      );
      expect((await run(clients!)).stdout).toContain('{"access_id":"client1","connections":1}');

      process.kill(-server.pid!, 'SIGINT');
      await tab.until(`${status}.startsWith('disconnected')`);
      if (server.exitCode === null) await once(server, 'exit');
      start(serve!, { PORT: String(ports[8080]) });
      await listens(url);
      expect(await run(pushAgain!)).toMatchObject({ code: 0, stdout: 'true' });
      await tab.until(`${shown} === '"hello","after the restart"'`);
      for (const child of running) process.kill(-child.pid!, 'SIGTERM');
      await eventually(() => running.size === 0, 'all have ended');
    },
    DEADLINE_MS,
  );

  it('is told how to call the example', async () => {
    const usage = { code: 0, stdout: 'usage: ./runexample.sh [--nodes 1|2]\n' };
    expect(await run('./runexample.sh --help')).toEqual(usage);
    expect(await run('./runexample.sh --nodes 3')).toEqual({ code: 64, stdout: '' });
  });

  it(
    'sees in the example of two nodes that a client goes on at the other when its own is killed',
    async () => {
      const { code, stdout } = await run('./runexample.sh --nodes 2');
      expect(stdout).toContain('"one" "two" "three" "four" "five"');
      expect(code).toBe(0);
    },
    DEADLINE_MS,
  );
});

async function listens(url: string): Promise<void> {
  const answers = () =>
    get(url, '/').then(
      () => true,
      () => false,
    );
  await eventually(answers, `${url} answers`, 60_000);
}
