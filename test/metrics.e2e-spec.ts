import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { StoreUnavailableError } from '../src/notifier/event-log.js';
import { EventStream } from './support/event-stream.js';
import { Figures } from './support/figures.js';
import { drop, event, get, push, pushed } from './support/http.js';
import { SocketClient } from './support/socket-client.js';
import { startApp, type RunningApp } from './support/start-app.js';
import { STORES, TestStore, type StoreName } from './support/test-store.js';
import { eventually } from './support/wait.js';
import { WrappedLog } from './support/wrapped-log.js';

const USER = 'an-id-that-nobody-else-has';
const PLAIN = { access_id: USER, timestamp: 0 };
const RESUMABLE = { ...PLAIN, last_event_id: null };

describe.each(STORES)('the figures of a node with the store %s', (name: StoreName) => {
  let store: TestStore;
  let log: WrappedLog;
  let running: RunningApp;
  let url: string;

  beforeEach(() => {
    store = new TestStore(name);
    log = new WrappedLog(store.open({ bufferEvents: 4 }));
  });

  afterEach(async () => {
    await running.close();
    store.remove();
  });

  /** With the heartbeat that is usual no position check comes between an append and its announcement. */
  async function start(environment: Readonly<Record<string, string>> = {}): Promise<void> {
    running = await startApp({ NOTIFIER_MAX_CONNECTIONS: '50', ...environment }, [log.provider]);
    ({ url } = running);
  }

  const value = async (sample: string) => (await Figures.of(url)).value(`notifier_${sample}`);

  /** Waits until a figure has that value: what is counted is counted after the answer, or in another turn. */
  const becomes = (sample: string, expected: number) =>
    eventually(async () => (await value(sample)) === expected, `${sample} ${expected}`);

  test('begin at 0, every value of every label among them', async () => {
    await start();
    const figures = await Figures.of(url);
    for (const sample of [
      'notifier_pushes_total{result="conflict"}',
      'notifier_frames_sent_total{form="sse"}',
      'notifier_connections_closed_total{code="4503",reason="dropped"}',
      'notifier_connections_closed_total{code="",reason="peer"}',
      'notifier_delivery_latency_seconds_count',
      'notifier_store_duration_seconds_bucket{operation="read",le="+Inf"}',
      'notifier_position_checks_total{standing="behind"}',
    ]) {
      expect([sample, figures.value(sample)]).toEqual([sample, 0]);
    }
    expect(figures.value('notifier_connections_max')).toBe(50);
    expect(figures.value('notifier_store_ready')).toBe(1);
    expect(figures.value('process_resident_memory_bytes')).toBeGreaterThan(0);
  });

  test('tell pushes by what came of them', async () => {
    await start();
    await pushed(url, [event(USER, 1, 'a'), event(USER, 2, 'b')]);
    await push(url, [event(USER, 3, 'c')], { 'Idempotency-Key': 'k' });
    await push(url, [event(USER, 3, 'c')], { 'Idempotency-Key': 'k' });
    await push(url, [event(USER, 3, 'other')], { 'Idempotency-Key': 'k' });
    await push(url, '[{}]');
    log.at = (point) => {
      if (point === 'append') throw new StoreUnavailableError('no');
    };
    expect((await push(url, [event(USER, 4, 'd')])).status).toBe(503);
    const figures = await Figures.of(url);
    const results = { stored: 2, repeated: 1, conflict: 1, refused: 1, failed: 1 };
    for (const [result, count] of Object.entries(results)) {
      expect([result, figures.value(`notifier_pushes_total{result="${result}"}`)]).toEqual([result, count]);
    }
    expect(figures.value('notifier_events_pushed_total')).toBe(3);
    expect(figures.value('notifier_store_duration_seconds_count{operation="append"}')).toBe(4);
    expect(figures.value('notifier_store_errors_total{operation="append"}')).toBe(1);
  });

  test('tell live events from replayed ones, by form, and how late the live ones were', async () => {
    await start();
    await pushed(url, [event(USER, 1, 'a'), event(USER, 2, 'b')]);
    const plain = await SocketClient.subscribe(url, PLAIN);
    const resumable = await SocketClient.subscribe(url, RESUMABLE);
    await plain.untilEvents(2);
    await resumable.until(({ hasReachedHead }) => hasReachedHead);
    expect(await value('delivery_latency_seconds_count')).toBe(0);
    const before = Date.now();
    await pushed(url, [event(USER, 3, 'c')]);
    await Promise.all([plain.untilEvents(3), resumable.untilEvents(3)]);
    const figures = await Figures.of(url);
    for (const form of ['plain', 'resumable']) {
      expect(figures.value(`notifier_events_delivered_total{form="${form}"}`)).toBe(3);
      expect(figures.value(`notifier_events_replayed_total{form="${form}"}`)).toBe(2);
      expect(figures.value(`notifier_frames_sent_total{form="${form}"}`)).toBe(2);
      expect(figures.value(`notifier_subscriptions{form="${form}"}`)).toBe(1);
    }
    expect(figures.value('notifier_delivery_latency_seconds_count')).toBe(2);
    const seconds = figures.value('notifier_delivery_latency_seconds_sum');
    expect(seconds).toBeGreaterThan(0);
    expect(seconds).toBeLessThanOrEqual((2 * (Date.now() - before + 1)) / 1000);
  });

  test('count the time in the store as part of the latency', async () => {
    await start();
    await pushed(url, [event(USER, 0, 'before')]);
    const client = await SocketClient.subscribe(url, RESUMABLE);
    await client.until(({ hasReachedHead }) => hasReachedHead);
    log.at = (point) => (point === 'append' ? new Promise((done) => setTimeout(done, 300)) : undefined);
    await pushed(url, [event(USER, 1, 'a')]);
    await client.untilEvents(2);
    expect(await value('delivery_latency_seconds_sum')).toBeGreaterThan(0.29);
    expect(await value('delivery_latency_seconds_bucket{le="0.25"}')).toBe(0);
  });

  test('tell who is connected, and why those who are gone are gone', async () => {
    await start();
    const client = await SocketClient.subscribe(url, PLAIN);
    const stream = await EventStream.open(url, { access_id: USER, timestamp: '0' });
    const silent = await SocketClient.connect(url);
    await becomes('connections', 3);
    await becomes('subscriptions{form="sse"}', 1);
    expect(await value('users')).toBe(1);
    await silent.close();
    await drop(url, USER);
    await client.closed();
    await becomes('connections', 0);
    const figures = await Figures.of(url);
    expect(figures.value('notifier_connections_closed_total{code="4503",reason="dropped"}')).toBe(2);
    expect(figures.value('notifier_connections_closed_total{code="",reason="peer"}')).toBe(1);
    expect(figures.value('notifier_subscriptions{form="plain"}')).toBe(0);
    expect(figures.value('notifier_subscriptions_opened_total{form="sse"}')).toBe(1);
    expect(figures.value('notifier_users')).toBe(0);
    stream.close();
  });

  test('tell of trims, and of the gaps that clients were told of', async () => {
    await start();
    await pushed(
      url,
      Array.from({ length: 7 }, (_, i) => event(USER, i, i)),
    );
    const client = await SocketClient.subscribe(url, RESUMABLE);
    await client.untilEvents(4);
    const figures = await Figures.of(url);
    expect(figures.value('notifier_gaps_declared_total{form="resumable"}')).toBe(1);
    expect(figures.value('notifier_gaps_declared_total{form="plain"}')).toBe(0);
  });

  test('tell of announcements that never came', async () => {
    await start({ NOTIFIER_HEARTBEAT: '1' });
    const client = await SocketClient.subscribe(url, RESUMABLE);
    await client.until(({ hasReachedHead }) => hasReachedHead);
    log.swallows = true;
    await pushed(url, [event(USER, 1, 'a')]);
    await client.untilEvents(1);
    await becomes('position_checks_total{standing="behind"}', 1);
    expect(await value('events_replayed_total{form="resumable"}')).toBe(1);
  });

  test('tell of peers that show no sign of life', async () => {
    await start({ NOTIFIER_HEARTBEAT: '1' });
    const dead = await SocketClient.connect(url, { autoPong: false });
    dead.send(PLAIN);
    await dead.closed();
    await becomes('lost_peers_total', 1);
    const connector = await SocketClient.connect(`${url}/push_events`, { autoPong: false });
    await connector.closed();
    await becomes('lost_peers_total', 2);
  });

  test('tell of peers that take nothing any more of what they are sent', async () => {
    await start({ NOTIFIER_HEARTBEAT: '1' });
    const frozen = await SocketClient.subscribe(url, PLAIN);
    frozen.pause();
    const large = event(USER, 1, 'x'.repeat(200_000));
    await eventually(async () => {
      await pushed(url, [large]);
      return (await value('slow_readers')) === 1;
    }, 'a full socket');
    await becomes('connections', 0);
    await becomes('lost_peers_total', 1);
    frozen.ws.terminate();
  });

  test('never hold an access id', async () => {
    await start();
    const client = await SocketClient.subscribe(url, RESUMABLE);
    await pushed(url, [event(USER, 1, 'a')]);
    await client.untilEvents(1);
    expect((await Figures.of(url)).text).not.toContain(USER);
  });
});

describe('the figures of a store', () => {
  let running: RunningApp;

  afterEach(() => running.close());

  test.each(STORES)('%s tell its bytes, their bound, and what it has let go of', async (name) => {
    const store = new TestStore(name);
    running = await startApp({ ...store.environment, NOTIFIER_BUFFER_EVENTS: '4' });
    await pushed(
      running.url,
      Array.from({ length: 7 }, (_, i) => event(USER, i, i)),
    );
    await pushed(running.url, [event(USER, 7, 7)]);
    const figures = await Figures.of(running.url);
    expect(figures.value('notifier_log_events_trimmed_total')).toBe(4);
    expect(figures.value('notifier_log_bytes')).toBeGreaterThan(0);
    expect(figures.value('notifier_log_bytes_max')).toBe(1024 ** 3);
    store.remove();
  });

  test('are answered as Prometheus text, to whoever may read', async () => {
    running = await startApp({ NOTIFIER_API_KEYS: 'a:0123456789abcdef:read,b:fedcba9876543210:push' });
    const { url } = running;
    const answer = await get(url, '/metrics', { Authorization: 'Bearer 0123456789abcdef' });
    expect(answer.headers['content-type']).toBe('text/plain; version=0.0.4; charset=utf-8');
    expect(answer.headers['cache-control']).toBe('no-store');
    expect(answer.status).toBe(200);
    expect((await get(url, '/metrics')).status).toBe(401);
    expect((await get(url, '/metrics', { Authorization: 'Bearer fedcba9876543210' })).status).toBe(403);
  });
});
