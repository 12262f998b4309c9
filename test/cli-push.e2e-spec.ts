import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from '@jest/globals';
import { EXIT } from '../src/cli/exit-codes.js';
import { BUILD_MS, builtEntry } from './support/build.js';
import { command, run } from './support/command.js';
import { SocketClient } from './support/socket-client.js';
import { startServer, type ServerProcess } from './support/start-server.js';
import { TcpProxy } from './support/tcp-proxy.js';

let folder: string;
let server: ServerProcess;
let at: string[];

beforeAll(async () => {
  await builtEntry();
  folder = await mkdtemp(join(tmpdir(), 'notifier-push-'));
}, BUILD_MS);

afterAll(() => rm(folder, { recursive: true }));

beforeEach(async () => {
  server = await startServer({ NOTIFIER_BUFFER_EVENTS: '100000' });
  at = ['--url', server.url];
});

afterEach(() => server.stop());

const lines = (from: number, to: number) =>
  Array.from(
    { length: to - from },
    (_, i) => `{"accessid":"client1","created_at":1,"payload":${from + i}}\n`,
  ).join('');

const file = async (name: string, text: string) => {
  const path = join(folder, name);
  await writeFile(path, text);
  return path;
};

/** What the log holds of a user, as it is delivered to whoever comes now. */
async function stored(count: number): Promise<string[]> {
  const client = await SocketClient.subscribe(server.url, { access_id: 'client1', timestamp: 0 });
  await client.untilEvents(count);
  await client.close();
  return client.payloads().map((payload) => JSON.stringify(payload));
}

const numbers = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => String(from + i));

test('an event from the arguments: JSON as it is, anything else as text', async () => {
  const text = '{ "big": 12345678901234567890, "e": "\\u00e9" }';
  const pushed = await run(['push', 'client1', text, '--at', '5', ...at]);
  expect(pushed).toMatchObject({
    code: 0,
    stdout: '',
    stderr: expect.stringMatching(/^pushed 1 event in .* events\/s\)\n$/),
  });
  await run(['push', 'client1', 'hello', ...at]);
  await run(['push', 'client1', '7', '--text', ...at]);
  const client = await SocketClient.subscribe(server.url, { access_id: 'client1', timestamp: 0 });
  await client.untilEvents(3);
  expect(client.texts.join()).toContain(`"created_at":5,"payload":${text}}`);
  expect(client.payloads().slice(1)).toEqual(['hello', '7']);
  await client.close();
});

test('the lines of a file, in their order, in as many pushes as it takes', async () => {
  const path = await file('events', `${lines(0, 300)}\n\n${lines(300, 1200)}`.trimEnd());
  expect((await run(['push', '--file', path, '--batch', '100', ...at])).stderr).toMatch(
    /^pushed 1,200 events/,
  );
  expect(await stored(1200)).toEqual(numbers(0, 1200));
});

test('a JSON array is one push, stored whole or not at all', async () => {
  const array = `[${lines(0, 3).trim().replaceAll('\n', ',\n')}]`;
  expect((await run(['push', ...at], {}, `\n ${array}`)).code).toBe(0);
  expect(await stored(3)).toEqual(numbers(0, 3));
  const wrong = await run(
    ['push', ...at],
    {},
    array.replace('"created_at":1,"payload":2', '"created_at":"1","payload":2'),
  );
  expect(wrong).toMatchObject({
    code: EXIT.data,
    stderr: expect.stringMatching(
      /^notifier: events\[2\]\.created_at must be .*\n {2}nothing is stored: correct it and try again\n$/,
    ),
  });
  expect(await stored(3)).toEqual(numbers(0, 3));
});

test('lines on standard input go out as they come', async () => {
  const pushing = await command(['push', ...at]);
  const client = await SocketClient.subscribe(server.url, { access_id: 'client1', timestamp: 0 });
  pushing.write(lines(0, 1));
  await client.untilEvents(1);
  pushing.write(lines(1, 2).slice(0, 20)).write(lines(1, 2).slice(20));
  await client.untilEvents(2);
  expect(client.payloads()).toEqual([0, 1]);
  expect((await pushing.end().ended()).code).toBe(0);
  await client.close();
});

/** What a run says in the end: what is wrong, and what to do about it. */
const said = ({ stderr }: { stderr: string }) => stderr.trimEnd().split('\n  ');

test('a line that is wrong is named, with what is stored and what is not', async () => {
  const unparsable = await file('unparsable', `${lines(0, 2)}{"accessid":\n${lines(2, 4)}`);
  const nothing = await run(['push', '--file', unparsable, ...at]);
  expect(nothing.code).toBe(EXIT.data);
  expect(said(nothing)).toEqual([
    expect.stringMatching(/^notifier: line 3 is not a JSON object like /),
    'nothing is stored: correct line 3 and try again',
  ]);
  expect(said(await run(['push', '--file', unparsable, '--batch', '1', ...at]))[1]).toMatch(
    /^lines 1 to 2 are stored, and nothing from line 3 on: correct line 3 and repeat with --key \S+, /,
  );
  const invalid = await file(
    'invalid',
    `${lines(2, 4)}\n{"accessid":"client1","created_at":1.5,"payload":1}\n`,
  );
  expect(said(await run(['push', '--file', invalid, ...at]))).toEqual([
    expect.stringMatching(/^notifier: line 4: event\.created_at must be an integer/),
    'nothing is stored: correct line 4 and try again',
  ]);
  expect(await stored(2)).toEqual(numbers(0, 2));
});

test('what its hint says, done to the letter, leaves out and doubles nothing', async () => {
  const wrong = `${lines(0, 25)}{"accessid":"client1","created_at":1}\n${lines(26, 30)}`;
  const path = await file('wrong', wrong);
  const args = ['push', '--file', path, '--batch', '10', ...at];
  const [message, hint] = said(await run(args));
  expect(message).toMatch(/^notifier: line 26: event\.payload must /);
  const key = /^lines 1 to 20 are stored, and nothing from line 21 on: .* --key (\S+),/.exec(hint!)![1]!;
  await writeFile(path, lines(0, 30));
  expect((await run([...args, '--key', key])).code).toBe(0);
  expect(await stored(30)).toEqual(numbers(0, 30));
});

test('where its batches are too large, it says how to make them smaller', async () => {
  const path = await file('large', lines(0, 10));
  const small = await startServer({ NOTIFIER_MAX_BATCH: '9' });
  const tooMany = await run(['push', '--file', path, '--batch', '10', '--url', small.url]);
  expect(said(tooMany)).toEqual([
    'notifier: body must hold at most 9 events',
    'nothing is stored: make --batch smaller and try again',
  ]);
  const array = await file('array', `[${lines(0, 10).trim().replaceAll('\n', ',')}]`);
  expect(said(await run(['push', '--file', array, '--url', small.url]))[1]).toBe(
    'nothing is stored: make lines or several arrays of it and try again',
  );
  await small.stop();
});

test('a name of the run that is empty is refused: every run would have it', async () => {
  expect(await run(['push', 'client1', '1', '--key', '', ...at])).toMatchObject({
    code: EXIT.usage,
    stderr: expect.stringContaining("'--key <key>' argument '' is invalid. It must not be empty."),
  });
});

test('a key that was used for other events is kept apart from what is wrong with a line', async () => {
  const args = (name: string) => ['push', '--file', name, '--key', 'night-job', ...at];
  await run(args(await file('one', lines(0, 2))));
  const { code, stderr } = await run(args(await file('other', lines(1, 3))));
  expect(code).toBe(EXIT.data);
  expect(stderr).toMatch(/\n {2}restore the input that this --key was used with; .*\n$/);
});

test('lines on standard input, which make other batches each time, go on where it ended', async () => {
  const pushing = await command(['push', ...at]);
  pushing.write(lines(0, 2));
  expect(await stored(2)).toEqual(['0', '1']);
  pushing.end('nonsense\n');
  expect(said(await pushing.ended())[1]).toBe(
    'lines 1 to 2 are stored, and nothing from line 3 on: correct line 3 and go on from line 3',
  );
});

test('a file that cannot be read is named', async () => {
  const missing = join(folder, 'missing');
  expect(await run(['push', '--file', missing, ...at])).toEqual({
    code: EXIT.noInput,
    stdout: '',
    stderr: `notifier: ${missing} cannot be read: ENOENT\n  does it exist, and may you read it?\n`,
  });
  expect(await run(['push', '--file', folder, ...at])).toMatchObject({
    code: EXIT.noInput,
    stderr: expect.stringMatching(/^notifier: \S+ cannot be read: EISDIR\n/),
  });
});

test('a run that is repeated with its key stores nothing twice, and goes on where it ended', async () => {
  const path = await file('half', `${lines(0, 30)}nonsense\n`);
  const args = ['push', '--file', path, '--batch', '10', '--key', 'night-job', ...at];
  expect((await run(args)).stderr).toContain('--key night-job');
  await writeFile(path, lines(0, 50));
  expect((await run(args)).code).toBe(0);
  expect(await stored(50)).toEqual(numbers(0, 50));
});

test('connections that break lose, double and disorder nothing', async () => {
  const proxy = await TcpProxy.start(server.url);
  const pushing = await command(['push', '--url', proxy.url, '--batch', '1']);
  const client = await SocketClient.subscribe(server.url, { access_id: 'client1', timestamp: 0 });
  for (let n = 0; n < 5; n++) {
    pushing.write(lines(n * 20, n * 20 + 20));
    await client.untilEvents(n * 20 + 5);
    proxy.cut();
  }
  expect((await pushing.end().ended()).code).toBe(0);
  await client.untilEvents(100);
  expect(client.payloads().map(String)).toEqual(numbers(0, 100));
  await client.close();
  proxy.close();
});

test('a server that stays away ends it with 69 once it has been tried for long enough', async () => {
  const pushing = await command(['push', '--give-up', '1', ...at]);
  pushing.write(lines(0, 1));
  expect(await stored(1)).toEqual(['0']);
  await server.kill();
  pushing.end(lines(1, 2));
  expect(await pushing.ended()).toMatchObject({
    code: EXIT.unavailable,
    stderr: expect.stringMatching(
      /notifier: gave up: .*\n {2}line 1 is stored, what follows may be: try again later, and go on from line 2\n$/,
    ),
  });
});
