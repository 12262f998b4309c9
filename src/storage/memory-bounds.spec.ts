import { expect, jest, test } from '@jest/globals';
import { StoreUnavailableError } from '../notifier/event-log.js';
import type { Push } from '../notifier/event.js';
import { HOUR_MS } from './bounds.js';
import { MemoryEventLog } from './memory-event-log.js';
import { MemoryLog } from './memory-log.js';

const BOUNDS = {
  bufferEvents: 100,
  bufferBytes: 100_000,
  bufferTtlMs: 2 * HOUR_MS,
  totalBytes: 200_000,
  headTtlMs: 3 * HOUR_MS,
  idempotencyTtlMs: HOUR_MS / 2,
};

let now = 1_700_000_000_000;

function pushTo(user: number, key?: string): Push {
  const events = [{ accessId: `user${user}`, createdAt: 1, text: `{"payload":"${'x'.repeat(1000)}"}` }];
  return key === undefined ? { events } : { events, idempotency: { key, digest: '00' } };
}

function openLog(): MemoryEventLog {
  return new MemoryEventLog(BOUNDS, () => now);
}

test('what is too old is let go of, looked at or not: events first, then heads and claims', async () => {
  const log = openLog();
  for (let user = 0; user < 50; user++) await log.append(pushTo(user, `key${user}`));
  const full = log.bytes;
  now += BOUNDS.bufferTtlMs + HOUR_MS;
  await log.append(pushTo(50));
  expect(log.bytes).toBeLessThan(full - 50 * 1000);
  now += BOUNDS.bufferTtlMs + BOUNDS.headTtlMs + HOUR_MS;
  await log.append(pushTo(51));
  const alone = openLog();
  await alone.append(pushTo(51));
  expect(log.bytes).toBe(alone.bytes);
});

test('the logs of an hour are let go of a few at a time, and each at once where somebody looks at it', async () => {
  const log = new MemoryEventLog({ ...BOUNDS, totalBytes: 1e9 }, () => now);
  for (let user = 0; user < 1000; user++) await log.append(pushTo(user));
  const full = log.bytes;
  const isThere = async (user: number) => (await log.view(`user${user}`, 0)).head !== undefined;
  now += BOUNDS.bufferTtlMs + HOUR_MS;
  expect(await log.extent('user999')).toMatchObject({ events: 0, trimmed: 1 });
  expect(log.bytes).toBeGreaterThan(full / 2);
  for (let i = 0; i < 10; i++) await isThere(0);
  expect(log.bytes).toBeLessThan(full / 2);
  now += BOUNDS.headTtlMs;
  expect(await isThere(999)).toBe(false);
  expect(log.bytes).toBeGreaterThan(0);
  for (let i = 0; i < 10; i++) await isThere(0);
  expect(log.bytes).toBe(0);
});

test('the least recently pushed logs make room, whatever is pushed', async () => {
  const log = openLog();
  for (let user = 0; user < 1000; user++) {
    await log.append(pushTo(user));
    expect(log.bytes).toBeLessThanOrEqual(BOUNDS.totalBytes);
  }
  expect((await log.extent('user999')).events).toBe(1);
  expect((await log.extent('user0')).events).toBe(0);
});

test('a log that is pushed to again and again within the hour is not the first to make room', async () => {
  const log = openLog();
  for (let user = 1; user < 300; user++) {
    // A log keeps its place for a second.
    now += 1000;
    await log.append(pushTo(0));
    await log.append(pushTo(user));
    expect((await log.extent('user0')).events).toBeGreaterThanOrEqual(Math.min(user, 90));
  }
});

test('idempotency keys take no more than their share, until they expire', async () => {
  const log = openLog();
  const pushes = Array.from({ length: 2000 }, (_, i) => log.append(pushTo(0, `key${i}`)));
  const results = await Promise.allSettled(pushes);
  const refused = results.filter(({ status }) => status === 'rejected') as PromiseRejectedResult[];
  expect(refused.length).toBeGreaterThan(0);
  expect(refused[0]!.reason).toBeInstanceOf(StoreUnavailableError);
  expect(log.bytes).toBeLessThanOrEqual(BOUNDS.totalBytes);
  expect(await log.append(pushTo(0, 'key0'))).toBe('repeated');
  now += BOUNDS.idempotencyTtlMs;
  expect(await log.append(pushTo(0, 'another'))).toBe('stored');
});

test('a push to a full store does not pass over every head that is left', async () => {
  const log = new MemoryEventLog({ ...BOUNDS, totalBytes: 4_000_000 }, () => now);
  for (let user = 0; user < 5000; user++) await log.append(pushTo(user));
  const clear = jest.spyOn(MemoryLog.prototype, 'clear');
  for (let user = 5000; user < 5100; user++) await log.append(pushTo(user));
  expect((await log.view('user3000', 0)).head).toMatchObject({ seq: 1, trimmedSeq: 1 });
  expect(clear.mock.calls.length).toBeLessThan(100 * 10);
  clear.mockRestore();
});
