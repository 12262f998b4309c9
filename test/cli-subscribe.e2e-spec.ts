import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals';
import { EXIT } from '../src/cli/exit-codes.js';
import { BUILD_MS, builtEntry } from './support/build.js';
import { command, run } from './support/command.js';
import { event, pushed } from './support/http.js';
import { startServer, type ServerProcess } from './support/start-server.js';
import { TcpProxy } from './support/tcp-proxy.js';
import { SECRET, tokenFor } from './support/tokens.js';

let server: ServerProcess;
let folder: string;

beforeAll(async () => {
  await builtEntry();
  folder = await mkdtemp(join(tmpdir(), 'notifier-subscribe-'));
}, BUILD_MS);

afterAll(() => rm(folder, { recursive: true }));

afterEach(() => server.stop());

const push = (...payloads: readonly unknown[]) =>
  pushed(
    server.url,
    payloads.map((payload, i) => event('client1', i, payload)),
  );

test('prints what is buffered, then what comes, and says where to go on', async () => {
  server = await startServer();
  await push('a', 'b', 'c');
  const follower = await command(['subscribe', 'client1', '--since', '1', '--url', server.url]);
  await follower.until(({ events }) => events.length === 2);
  await push({ text: 'live' });
  await follower.until(({ events }) => events.length === 3);
  const { code, stderr } = await follower.signal('SIGINT').ended();
  const { events } = follower;
  expect(events.map(({ payload }) => payload)).toEqual(['b', 'c', { text: 'live' }]);
  expect([code, stderr.trimEnd().split('\n').at(-1)]).toEqual([0, `go on with --resume ${events[2]!.id}`]);
  const args = ['subscribe', 'client1', '--resume', events[0]!.id, '--count', '2', '--url', server.url];
  const resumed = await run(args);
  expect(resumed.code).toBe(0);
  expect(
    resumed.stdout
      .trimEnd()
      .split('\n')
      .map((line) => (JSON.parse(line) as { id: string }).id),
  ).toEqual(events.slice(1).map(({ id }) => id));
  expect(resumed.stderr.trimEnd().split('\n').at(-1)).toBe(`go on with --resume ${events[2]!.id}`);
});

test('reconnects, and prints each event once', async () => {
  server = await startServer();
  const proxy = await TcpProxy.start(server.url);
  const follower = await command(['subscribe', 'client1', '--since', '0', '--url', proxy.url]);
  for (let n = 0; n < 4; n++) {
    await push(n);
    await follower.until(({ events }) => events.length === n + 1);
    proxy.cut();
  }
  follower.signal('SIGTERM');
  expect((await follower.ended()).code).toBe(0);
  expect(follower.events.map(({ payload }) => payload)).toEqual([0, 1, 2, 3]);
  proxy.close();
});

test('says whether a connection broke, or there was none', async () => {
  server = await startServer();
  const proxy = await TcpProxy.start(server.url);
  const { url } = proxy;
  const follower = await command(['subscribe', 'client1', '--url', url]);
  await follower.until(({ stderr }) => stderr.includes('connected'));
  proxy.close();
  // Over WebSockets, and at the fourth attempt over server-sent events.
  const refused = `cannot reach ${url} (connect ECONNREFUSED ${new URL(url).host}); again in 0.0 s`;
  const lines = () =>
    follower.stderr
      .trimEnd()
      .replaceAll(/in \d+\.\d s/g, 'in 0.0 s')
      .split('\n');
  await follower.until(() => lines().length >= 6);
  follower.signal('SIGTERM');
  await follower.ended();
  expect(lines().slice(0, 6)).toEqual([
    'connected (websocket)',
    expect.stringMatching(/^the connection broke.*; again in 0\.0 s$/),
    refused,
    refused,
    refused,
    refused,
  ]);
});

test('says that events may be gone', async () => {
  server = await startServer({ NOTIFIER_BUFFER_EVENTS: '2' });
  await push(1, 2, 3, 4);
  const { stdout, stderr } = await run([
    'subscribe',
    'client1',
    '--since',
    '0',
    '--count',
    '2',
    '--url',
    server.url,
  ]);
  expect(stdout.split('\n')).toHaveLength(3);
  expect(stderr).toContain('some events may be gone');
});

test('ends with what it was asked for where nobody reads its output any more', async () => {
  server = await startServer();
  await push(1);
  const follower = await command(['subscribe', 'client1', '--since', '0', '--url', server.url]);
  await follower.until(({ events }) => events.length === 1);
  follower.stopReading();
  await push('x'.repeat(1000));
  expect((await follower.ended()).code).toBe(EXIT.done);
});

test('shows a token, and says what is wrong with one that is not taken', async () => {
  server = await startServer({ NOTIFIER_JWT_SECRET: SECRET });
  await push(1);
  const at = ['--since', '0', '--count', '1', '--url', server.url];
  const path = join(folder, 'token');
  await writeFile(path, `${tokenFor('client1')}\n`);
  expect(await run(['subscribe', '--token-file', path, ...at])).toMatchObject({
    code: 0,
    stdout: expect.stringContaining('"payload":1'),
  });
  expect((await run(['subscribe', 'client1', '--token', tokenFor('client1'), ...at])).code).toBe(0);
  expect(await run(['subscribe', 'client1', ...at])).toMatchObject({
    code: EXIT.refused,
    stderr: expect.stringMatching(/^notifier: unauthorized/m),
  });
  expect((await run(['subscribe', 'client2', '--token-file', path, ...at])).code).toBe(EXIT.refused);
  expect(
    (await run(['subscribe', 'client1', '--token-file', join(folder, 'none'), '--url', server.url])).code,
  ).toBe(EXIT.noInput);
});

test('asks for the user where no token names one', async () => {
  server = await startServer();
  expect(await run(['subscribe', '--url', server.url])).toMatchObject({
    code: EXIT.data,
    stderr: expect.stringMatching(
      /^notifier: .*access_id must be a string \(it is missing\)\n {2}name the user: notifier subscribe client1\n$/m,
    ),
  });
});

test('takes no access id that is none', async () => {
  server = await startServer();
  expect(await run(['subscribe', '', '--url', server.url])).toMatchObject({
    code: EXIT.data,
    stderr: 'notifier: access_id must not be empty\n  name the user: notifier subscribe client1\n',
  });
  expect(await run(['subscribe', 'client1', '--since', 'yesterday'])).toMatchObject({ code: EXIT.usage });
});
