import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { HOUR_MS } from '../src/storage/bounds.js';
import { event, json, push } from './support/http.js';
import { JUMP, SETTABLE_CLOCK } from './support/settable-clock.js';
import { SocketClient } from './support/socket-client.js';
import { startServer, type ServerProcess } from './support/start-server.js';
import { STORES, TestStore } from './support/test-store.js';
import { eventually } from './support/wait.js';

/** How far ahead of this process the server's clock is, by the header of an answer. */
async function ahead(url: string): Promise<number> {
  const { headers } = await push(url, []);
  return Date.parse(headers.date!) - Date.now();
}

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
