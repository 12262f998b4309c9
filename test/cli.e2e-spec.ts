import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { EXIT } from '../src/cli/exit-codes.js';
import { flagOf, SETTINGS } from '../src/cli/settings.js';
import { BUILD_MS, builtEntry } from './support/build.js';
import { command, run } from './support/command.js';
import { event, get, push } from './support/http.js';
import { OwnServer } from './support/own-server.js';
import { ServerProcess, startServer } from './support/start-server.js';
import { eventually } from './support/wait.js';

const ROOT = join(import.meta.dirname, '..');

let folder: string;
/** Where nothing listens any more. */
let nobody: string;

beforeAll(async () => {
  await builtEntry();
  folder = await mkdtemp(join(tmpdir(), 'notifier-cli-'));
  const listener = await OwnServer.listen();
  nobody = listener.url;
  listener.close();
}, BUILD_MS);

afterAll(() => rm(folder, { recursive: true }));

const file = async (name: string, text: string) => {
  const path = join(folder, name);
  await writeFile(path, text);
  return path;
};

describe('notifier', () => {
  test('says in one line what is wrong, in another what to do, and exits with 64', async () => {
    const { code, stdout, stderr } = await run(['push', '--bogus']);
    expect(code).toBe(EXIT.usage);
    expect(stdout).toBe('');
    expect(stderr).toMatch(/^notifier: unknown option '--bogus'\n {2}.+--help.+\n$/);
  });

  test('prints its help and its version where it is asked to', async () => {
    const { version } = JSON.parse(await readFile(join(ROOT, 'package.json'), 'utf8')) as { version: string };
    expect(await run(['--version'])).toEqual({ code: 0, stdout: `${version}\n`, stderr: '' });
    const { code, stdout } = await run(['--help']);
    expect(code).toBe(0);
    for (const name of ['serve', 'doctor', 'subscribe', 'push', 'drop', 'clients', 'explain', 'token']) {
      expect(stdout).toMatch(new RegExp(`^  ${name}\\b`, 'm'));
    }
  });

  test('says what a command takes where help is asked of it, before or after its name', async () => {
    const { stdout } = await run(['push', '--help']);
    expect(stdout).toContain('--give-up');
    expect(await run(['help', 'push'])).toEqual({ code: 0, stdout, stderr: '' });
    expect((await run(['help'])).stdout).toBe((await run(['--help'])).stdout);
  });

  test('says it of a command within a command, too, and names one that is none', async () => {
    const { stdout } = await run(['token', 'make', '--help']);
    expect(stdout).toMatch(/--expires-in/);
    expect(await run(['help', 'token', 'make'])).toEqual({ code: 0, stdout, stderr: '' });
    const { code, stderr } = await run(['help', 'token', 'nonsense']);
    expect(code).toBe(64);
    expect(stderr).toMatch(/^notifier: unknown command 'nonsense'\n {2}.+--help.+\n$/);
  });

  test('has every exit code in its help', async () => {
    const { stdout } = await run(['--help']);
    const [, codes] = stdout.split('Exit codes:');
    const named = [...codes!.matchAll(/\d+/g)].map(Number);
    expect(named.toSorted((a, b) => a - b)).toEqual(Object.values(EXIT));
    expect(Math.max(...codes!.split('\n').map((line) => line.length))).toBeLessThanOrEqual(80);
  });

  test.each([
    [['drop', 'client1']],
    [['clients']],
    [['explain', 'client1']],
    [['push', 'client1', '1', '--give-up', '1']],
  ])('%j says that nothing answers at the URL, and exits with 69', async (args) => {
    const { code, stderr } = await run([...args, '--url', nobody]);
    expect([code, stderr.split('\n')[0]]).toEqual([
      EXIT.unavailable,
      `notifier: cannot reach ${nobody}: ECONNREFUSED`,
    ]);
  });

  test('finds a server below the path at which a proxy has it', async () => {
    const proxy = await OwnServer.listen();
    proxy.answer = (response) => response.writeHead(404).end();
    const { url, asked } = proxy;
    await run(['drop', 'client1', '--url', `${url}/below/`]);
    await run(['push', 'client1', '1', '--give-up', '1', '--url', `${url}/below`]);
    await run(['drop', 'client1', '--url', `${url}/push_events`]);
    await run(['drop', 'client1', '--url', `${url}//twice?and=more`]);
    const follower = await command(['subscribe', 'client1', '--url', `${url}/below`]);
    const subscription = '/below/subscribe_to_events';
    const isAsked = async () => asked.some(({ path }) => path === subscription);
    await eventually(isAsked, 'the subscriber has asked');
    await follower.signal('SIGKILL').ended();
    proxy.close();
    const others = asked.map(({ path }) => path).filter((path) => path !== subscription);
    expect([...new Set(others)]).toEqual([
      '/below/drop_user',
      '/below/push_events',
      '/drop_user',
      '//twice/drop_user',
    ]);
  });

  test('takes no URL that is none', async () => {
    const { code, stderr } = await run(['clients', '--url', 'localhost:8080']);
    expect([code, stderr.split('\n')[0]]).toEqual([
      EXIT.usage,
      'notifier: --url is not the URL of a server: localhost:8080',
    ]);
  });

  test('has its exit codes in docs/cli.md', async () => {
    const page = await readFile(join(ROOT, 'docs/cli.md'), 'utf8');
    const codes = [...page.matchAll(/^\| +(\d+) +\|/gm)].map((match) => Number(match[1]));
    expect(codes).toEqual(Object.values(EXIT));
  });
});

describe('notifier serve', () => {
  test('has a flag for every setting of the server, and for no other', async () => {
    const files = (await readdir(join(ROOT, 'src/config'))).filter((name) => !name.endsWith('.spec.ts'));
    const paths = ['src/config.ts', ...files.map((name) => `src/config/${name}`)];
    const sources = await Promise.all(paths.map((path) => readFile(join(ROOT, path), 'utf8')));
    const names = [...sources.join().matchAll(/'(NOTIFIER_[A-Z_]*[A-Z]|PORT|HOST)'/g)].map(
      (match) => match[1],
    );
    const settings = Object.values(SETTINGS).flat();
    expect(new Set(settings.map(({ name }) => name))).toEqual(new Set(names));
  });

  test('has a help that fits a screen and names every flag', async () => {
    const { stdout } = await run(['serve', '--help']);
    const lines = stdout.trimEnd().split('\n');
    expect(lines.length).toBeLessThanOrEqual(28);
    expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(80);
    for (const setting of Object.values(SETTINGS).flat()) expect(stdout).toContain(`${flagOf(setting)} `);
  });

  test('runs the server with what the flags say, over what the environment says', async () => {
    const keys = await file('keys', 'backend:a-key-of-16-or-more:push+read\nother:another-key-of-16:read\n');
    const flags = ['--port', '0', '--store', 'memory', '--max-event', '2048', '--api-keys-file', keys];
    const served = await command(['serve', ...flags], { NOTIFIER_STORE: 'lmdb', NOTIFIER_MAX_BATCH: '1' });
    await served.until(({ stdout }) => stdout.includes('listening on'));
    const url = /(http:\S+) \(store: memory\)/.exec(served.stdout)![1]!;
    const asKey = { Authorization: 'Bearer a-key-of-16-or-more' };
    expect((await push(url, [event('client1', 1, 'ok')])).status).toBe(401);
    expect((await push(url, [event('client1', 1, 'ok')], asKey)).text).toBe('true');
    expect((await push(url, [event('client1', 1, 'x'.repeat(2048))], asKey)).status).toBe(413);
    expect((await push(url, [event('client1', 1, 1), event('client1', 2, 2)], asKey)).status).toBe(413);
    expect((await get(url, '/clients', { Authorization: 'Bearer another-key-of-16' })).status).toBe(200);
    expect((await served.signal('SIGTERM').ended()).code).toBe(0);
  });

  test.each([
    ['--api-keys-file', 'is empty', '\n'],
    ['--api-keys-file', 'is not UTF-8 text', '\0'],
    ['--jwt-secret-file', 'is empty', ''],
    ['--jwt-secret-file', 'is not UTF-8 text', 'a secret of at least thirty-two bytes\0'],
  ])('is not open where what %s names %s', async (flag, fault, text) => {
    const settings = ['--port', '0', '--store', 'memory', '--auth', 'none', '--host', '127.0.0.1'];
    const served = await command(['serve', ...settings, flag, await file('nothing', text)]);
    await served.until(({ stdout, code }) => stdout.includes('listening on') || code !== undefined);
    const { code, stderr } = await served.signal('SIGTERM').ended();
    expect([code, stderr.split('\n')[0]]).toEqual([
      EXIT.config,
      expect.stringMatching(new RegExp(`^notifier: NOTIFIER_\\w+ \\(${flag}\\) names a file that ${fault}$`)),
    ]);
  });

  test('says every mistake in the settings with the flag that it came from, and exits with 78', async () => {
    const flags = ['--port', 'x', '--store', 'paper', '--host', '10.9.9.9'];
    const { code, stdout, stderr } = await run(['serve', ...flags], { NOTIFIER_SYNC: 'maybe' });
    expect([code, stdout]).toEqual([EXIT.config, '']);
    expect(stderr.trimEnd().split('\n').toSorted()).toEqual([
      expect.stringMatching(/^notifier: HOST=10\.9\.9\.9 \(--host\) is not a loopback address/),
      expect.stringMatching(/^notifier: NOTIFIER_STORE \(--store\) must be /),
      'notifier: NOTIFIER_SYNC must be full or process',
      expect.stringMatching(/^notifier: PORT \(--port\) must be an integer/),
    ]);
  });
});

describe('notifier drop, clients and explain', () => {
  let server: ServerProcess;

  afterEach(() => server.stop());

  const KEYS = { NOTIFIER_API_KEYS: 'reader:a-key-that-may-read:read,all:a-key-that-may-all:push+drop+read' };

  test('show who is connected, explain one user in words, and end its connections', async () => {
    server = await startServer();
    const at = ['--url', server.url];
    const follower = await command(['subscribe', 'client1', ...at]);
    await follower.until(({ stderr }) => stderr.includes('connected'));
    await run(['push', 'client1', 'hello', ...at]);
    expect((await run(['clients', ...at])).stdout).toBe('{"access_id":"client1","connections":1}\n');
    await follower.until(({ events }) => events.length === 1);
    const { stdout } = await run(['explain', 'client1', ...at]);
    expect(stdout).toMatch(/^The log of client1 holds 1 event \(\d+ bytes\), from \S+ to \S+\.$/m);
    expect(stdout).toMatch(
      /^It has 1 connection:\n- a resumable WebSocket from 127\.0\.0\.1 .*sent everything/m,
    );
    expect((await run(['drop', 'client1', ...at])).stdout).toBe(
      'dropped whatever was connected as client1\n',
    );
    expect(await follower.ended()).toMatchObject({
      code: EXIT.ended,
      stderr: expect.stringContaining('notifier: dropped'),
    });
    expect((await run(['explain', 'client1', ...at])).stdout).toMatch(
      /dropped 1 time;.*\nIt is not connected/,
    );
    expect((await run(['explain', 'client2', ...at])).stdout).toMatch(/^Nobody knows client2/);
  });

  test('do not take a node that does not answer for a connection', async () => {
    const other = await OwnServer.listen();
    const silent = { node: 'b', form: 'unknown' };
    const log = { events: 0, bytes: 0, oldest: null, newest: 'x', trimmed: 1 };
    const answer = { access_id: 'a', log, connections: [silent], drops: 0 };
    other.answer = (response) => response.end(JSON.stringify(answer));
    const { stdout } = await run(['explain', 'a', '--url', other.url]);
    other.close();
    expect(stdout).toMatch(/^1 older event is gone,/m);
    expect(stdout).toMatch(/^It is not connected to a node that answers:\n- node b does not answer/m);
  });

  test('say nothing of events where none were pushed', async () => {
    server = await startServer();
    expect(await run(['drop', '', '--url', server.url])).toMatchObject({
      code: EXIT.data,
      stderr: expect.stringMatching(/\n {2}correct it and try again\n$/),
    });
  });

  test.each([
    ['drop', ['client1']],
    ['push', ['client1', '1']],
  ])('say that a path is not the server’s: %s', async (name, args) => {
    server = await startServer();
    expect(await run([name, ...args, '--url', `${server.url}/below`])).toEqual({
      code: EXIT.unavailable,
      stdout: '',
      stderr: 'notifier: no such path\n  is the path in --url right?\n',
    });
  });

  test('keep showing whose connections change', async () => {
    server = await startServer();
    const at = ['--url', server.url];
    const watch = await command(['clients', '--watch', ...at]);
    const follower = await command(['subscribe', 'client1', ...at]);
    await watch.until(({ stdout }) => stdout.includes('{"access_id":"client1","connections":1}\n'));
    follower.signal('SIGINT');
    await watch.until(({ stdout }) => stdout.endsWith('{"access_id":"client1","connections":0}\n'));
    expect(await follower.ended()).toMatchObject({ code: 0, stdout: '' });
    watch.signal('SIGTERM');
  });

  test('show their key, and say which scope is missing', async () => {
    server = await startServer(KEYS);
    const at = ['--url', server.url];
    const reader = await file('reader', 'a-key-that-may-read\n');
    expect(await run(['clients', ...at])).toMatchObject({
      code: EXIT.refused,
      stderr: expect.stringContaining('--api-key-file'),
    });
    expect((await run(['clients', ...at, '--api-key-file', reader])).code).toBe(0);
    expect(await run(['drop', 'a', ...at, '--api-key-file', reader])).toMatchObject({
      code: EXIT.refused,
      stderr: expect.stringContaining('scope'),
    });
    expect((await run(['drop', 'a', ...at, '--api-key', 'a-key-that-may-all'])).code).toBe(0);
    expect((await run(['clients', ...at, '--api-key-file', join(folder, 'none')])).code).toBe(EXIT.noInput);
  });

  test.each([
    ['a list of keys', 'a-key-that-may-read\na-key-that-may-all\n'],
    ['what no header can carry', 'a-key-that-may-réad…'],
    ['nothing', '\n'],
  ])('say that a key file holds %s', async (_what, text) => {
    const path = await file('keys', text);
    for (const command of [['push', 'a', '1'], ['drop', 'a'], ['clients']]) {
      expect(await run([...command, '--api-key-file', path])).toMatchObject({
        code: EXIT.refused,
        stderr: expect.stringContaining(`${path} is no API key: it must be printable ASCII`),
      });
    }
  });
});
