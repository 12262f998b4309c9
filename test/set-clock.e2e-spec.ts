import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { HOUR_MS } from '../src/storage/bounds.js';
import { event, json, push, send } from './support/http.js';
import { JUMP, SETTABLE_CLOCK } from './support/settable-clock.js';
import { SlowReader } from './support/slow-reader.js';
import { SocketClient } from './support/socket-client.js';
import { startServer, type ServerProcess } from './support/start-server.js';
import { STORES, TestStore } from './support/test-store.js';
import { eventually } from './support/wait.js';

const GRACE_MS = 4000;
/** By how much the times differ after which clients are told to come back. */
const JITTER_MS = 1000;

/** How far ahead of this process the server's clock is, by the header of an answer. */
async function ahead(url: string): Promise<number> {
  const { headers } = await push(url, []);
  return Date.parse(headers.date!) - Date.now();
}

/** Sets the clock one hour ahead, and has something stored by it. */
async function storeAhead(server: ServerProcess): Promise<void> {
  server.signal(JUMP);
  await eventually(async () => (await ahead(server.url)) > HOUR_MS / 2, 'the clock is ahead');
  const answer = await push(server.url, [event('ann', 1, 'ahead')], { 'Idempotency-Key': 'a' });
  expect(json(answer)).toBe(true);
}

/** What was stored by a clock that was ahead is over in its time, and not once the machine's clock is there again. */
async function expectToAge({ url }: ServerProcess): Promise<void> {
  const answerToOther = () => push(url, [], { 'Idempotency-Key': 'a' });
  expect((await answerToOther()).status).toBe(422);
  await eventually(async () => (await answerToOther()).status === 200, 'the key is over');
  const held = async () => (json(await send(url, '/clients?access_id=ann')) as LogOfUser).log.events;
  await eventually(async () => (await held()) === 0, 'the event is over');
}

interface LogOfUser {
  readonly log: { readonly events: number };
}

describe('after a clock that was ahead', () => {
  let store: TestStore;
  let server: ServerProcess;

  afterEach(async () => {
    await server.kill();
    store.remove();
  });

  async function start(): Promise<void> {
    const ttl = { NOTIFIER_IDEMPOTENCY_TTL: '2', NOTIFIER_BUFFER_TTL: '2' };
    server = await startServer({ ...store.environment, ...ttl, NODE_OPTIONS: SETTABLE_CLOCK });
  }

  test.each(STORES)('time goes on with the %s store once it is right again', async (name) => {
    store = new TestStore(name);
    await start();
    await storeAhead(server);
    server.signal(JUMP);
    await eventually(async () => (await ahead(server.url)) < HOUR_MS / 2, 'the clock is right');
    await expectToAge(server);
  });

  test('time goes on with the LMDB store where the next start has the right one', async () => {
    store = new TestStore('lmdb');
    await start();
    await storeAhead(server);
    await server.kill();
    await start();
    await expectToAge(server);
  });
});

describe('a server whose machine’s clock is set', () => {
  let server: ServerProcess;

  beforeEach(async () => {
    server = await startServer({
      NOTIFIER_SHUTDOWN_GRACE: String(GRACE_MS / 1000),
      NODE_OPTIONS: SETTABLE_CLOCK,
    });
  });

  afterEach(() => server.kill());

  test('takes 50 messages and one more for a flood, whatever the clock says of the time between', async () => {
    const client = await SocketClient.subscribe(server.url, { access_id: 'ann', timestamp: 0 });
    for (let i = 0; i < 50; i++) client.send('x');
    await push(server.url, [event('ann', 1, 'heard')]);
    await client.untilEvents(1);
    server.signal(JUMP);
    await eventually(async () => (await ahead(server.url)) > HOUR_MS / 2, 'the clock is ahead');
    expect(client.closeCode).toBeUndefined();
    client.send('x');
    expect((await client.closed()).code).toBe(4013);
  });

  test('tells who comes while it goes down to come back once its grace is over', async () => {
    const silent = await SlowReader.subscribe(server.url, { access_id: 'ann', timestamp: 0 });
    server.signal(JUMP);
    await eventually(async () => (await ahead(server.url)) > HOUR_MS / 2, 'the clock is ahead');
    server.signal('SIGTERM');
    await eventually(async () => (await push(server.url, [])).status === 503, 'it is going down');
    server.signal(JUMP);
    await eventually(async () => (await ahead(server.url)) < HOUR_MS / 2, 'the clock is right');
    const late = await SocketClient.subscribe(server.url, { access_id: 'bob', timestamp: 0 });
    const { code, reason } = await late.closed();
    expect(code).toBe(1012);
    expect(Number(/retry_after_ms=(\d+)/.exec(reason)![1])).toBeLessThanOrEqual(GRACE_MS + JITTER_MS);
    silent.destroy();
  });
});

describe.each(STORES)('a server on the %s store whose machine’s clock is set', (name) => {
  let store: TestStore;
  let server: ServerProcess;

  beforeEach(async () => {
    store = new TestStore(name);
    // Shorter than the jump: a key that went by the machine's clock would be over with it.
    const ttl = { NOTIFIER_IDEMPOTENCY_TTL: '600' };
    server = await startServer({ ...store.environment, ...ttl, NODE_OPTIONS: SETTABLE_CLOCK });
  });

  afterEach(async () => {
    await server.kill();
    store.remove();
  });

  async function pushOnce(key: string, payload: string): Promise<void> {
    const answer = await push(server.url, [event('ann', 1, payload)], { 'Idempotency-Key': key });
    expect(json(answer)).toBe(true);
  }

  test('stores no repeat anew, and holds what it was given', async () => {
    await pushOnce('a', 'before');
    server.signal(JUMP);
    await eventually(async () => (await ahead(server.url)) > HOUR_MS / 2, 'the clock is ahead');
    await pushOnce('a', 'before');
    await pushOnce('b', 'ahead');
    for (const behind of [0, HOUR_MS]) {
      server.signal(JUMP);
      const isSet = async () => (await ahead(server.url)) < HOUR_MS / 2 - behind;
      await eventually(isSet, `the clock is ${behind} ms behind`);
      await pushOnce('a', 'before');
      await pushOnce('b', 'ahead');
    }
    const client = await SocketClient.subscribe(server.url, {
      access_id: 'ann',
      last_event_id: null,
      timestamp: 0,
    });
    await client.until(({ hasReachedHead }) => hasReachedHead);
    expect(client.payloads()).toEqual(['before', 'ahead']);
    await client.close();
  });
});
