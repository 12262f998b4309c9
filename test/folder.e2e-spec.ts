import { spawnSync } from 'node:child_process';
import { mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { event, get, push, pushed } from './support/http.js';
import { spawnServer, startServer, type ServerProcess } from './support/start-server.js';
import { eventually } from './support/wait.js';

let dir: string;
const servers: ServerProcess[] = [];

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'notifier-folder-'));
});

afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => server.kill()));
  for (const each of [dir, `${dir}.old`]) await rm(each, { recursive: true, force: true });
});

async function start(sync = 'full'): Promise<ServerProcess> {
  const server = await startServer({ NOTIFIER_STORE: 'lmdb', NOTIFIER_DATA_DIR: dir, NOTIFIER_SYNC: sync });
  servers.push(server);
  return server;
}

/** What a server says that does not start. */
async function refusal(sync = 'full'): Promise<string> {
  const server = await spawnServer({
    NOTIFIER_STORE: 'lmdb',
    NOTIFIER_DATA_DIR: dir,
    NOTIFIER_SYNC: sync,
  });
  servers.push(server);
  expect((await server.exited()).code).toBe(1);
  expect(server.stdout).toBe('');
  return server.stderr;
}

test.each(['full', 'process'])(
  'a second process on a folder (sync %s) says whose it is and what to do, and the first goes on',
  async (sync) => {
    const first = await start(sync);
    const file = join(dir, 'notifier.mdb');
    expect(await refusal(sync)).toBe(
      `notifier: ${file} is in use by process ${first.pid}: one process a folder\n` +
        '  a server already runs there: stop it, or give this one another NOTIFIER_DATA_DIR, and another PORT\n',
    );
    await pushed(first.url, [event('a', 1, 1)]);
    await first.kill();
    await pushed((await start(sync)).url, [event('a', 2, 2)]);
  },
  60_000,
);

/** Runs what follows as process 1 of its own, as a container does. */
const CONTAINER = ['unshare', '--map-root-user', '--pid', '--fork', '--kill-child'];

const [unshare, ...itsOptions] = CONTAINER;
const withContainers = spawnSync(unshare!, [...itsOptions, 'true']).status === 0 ? test : test.skip;

withContainers(
  'a second process that has the number of the first, in another container, is told whose the folder is',
  async () => {
    const start = async () => {
      const server = await spawnServer(
        { NOTIFIER_STORE: 'lmdb', NOTIFIER_DATA_DIR: dir },
        undefined,
        CONTAINER,
      );
      servers.push(server);
      return server;
    };
    const first = await start();
    await first.listening();
    const second = await start();
    expect((await second.exited()).code).toBe(1);
    expect(second.stderr).toContain(
      `notifier: ${join(dir, 'notifier.mdb')} is in use by process 1 of another container: one process a folder\n`,
    );
    await pushed(first.url, [event('a', 1, 1)]);
  },
  60_000,
);

test('a file that cannot be read stops a server that promised to keep it, in one line', async () => {
  await (await start()).stop();
  const file = join(dir, 'notifier.mdb');
  await writeFile(file, 'garbage');
  expect(await refusal()).toMatch(/^notifier: \S+notifier\.mdb cannot be read [^\n]*: move it away[^\n]*\n$/);
  expect(await readFile(file, 'utf8')).toBe('garbage');
}, 60_000);

test('a file that cannot be read is set aside and named in the log where nothing waited for the disk', async () => {
  await (await start()).stop();
  await writeFile(join(dir, 'notifier.mdb'), 'garbage');
  const server = await start('process');
  const aside = (await readdir(dir)).find((name) => name.includes('unreadable'))!;
  expect(await readFile(join(dir, aside), 'utf8')).toBe('garbage');
  expect(server.stderr).toContain(aside);
  await pushed(server.url, [event('a', 1, 1)]);
}, 60_000);

describe.each(['full', 'process'])('with sync %s', (sync) => {
  test.each([
    ['deleted', () => rm(dir, { recursive: true })],
    ['moved', () => rename(dir, `${dir}.old`)],
  ])(
    'a folder that is %s under a server ends the promise: pushes get 503, and the log says why',
    async (_, takeAway) => {
      const server = await start(sync);
      await pushed(server.url, [event('a', 1, 1)]);
      await takeAway();
      expect((await push(server.url, [event('a', 2, 2)])).status).toBe(503);
      expect((await get(server.url, '/health/ready')).status).toBe(503);
      await eventually(
        () => server.stderr.includes('notifier.mdb-journal-1 was deleted or moved while the server runs'),
        'the log says so',
      );
      expect(await server.stop()).toEqual({ code: 0, signal: null });
    },
    60_000,
  );
});

test('a server whose folder was moved away takes nothing out of the one that stands there now', async () => {
  const first = await start();
  await rename(dir, `${dir}.old`);
  await mkdir(dir);
  const second = await start();
  await pushed(second.url, [event('a', 1, 1)]);
  const names = await readdir(dir);
  expect(await first.stop()).toEqual({ code: 0, signal: null });
  expect(await readdir(dir)).toEqual(names);
  await second.kill();
  const { text } = await get((await start()).url, '/clients?access_id=a');
  expect(JSON.parse(text)).toMatchObject({ log: { events: 1 } });
}, 60_000);
