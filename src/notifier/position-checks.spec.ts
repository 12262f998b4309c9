import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { FakeConnection } from '../../test/support/fake-connection.js';
import { Figures } from '../../test/support/figures.js';
import { Gates, settle } from '../../test/support/gates.js';
import { TestStore } from '../../test/support/test-store.js';
import { WrappedLog } from '../../test/support/wrapped-log.js';
import { OpenAuthenticator } from '../auth/open-authenticator.js';
import { PrometheusMetrics } from '../metrics/prometheus-metrics.js';
import { nowMs } from './event.js';
import { EventBufferService } from './event-buffer.service.js';
import { StoreUnavailableError, type CursorState } from './event-log.js';
import { formatPosition } from './position.js';
import { SubscriptionService } from './subscription.service.js';

const USER = 'client1';

/** No heartbeat comes by itself. */
const OPTIONS = {
  heartbeatMs: 3_600_000,
  maxConnectionsPerUser: 2,
  shutdownDelayMs: 0,
  shutdownGraceMs: 100,
};

/** Of each delivery, whether it was made of what had been announced, and not read from the log. */
function wereAnnounced({ deliveries }: FakeConnection): boolean[] {
  return deliveries.map(({ arrival }) => arrival !== undefined);
}

describe('a position check', () => {
  const store = new TestStore('memory');
  let log: WrappedLog;
  let gates: Gates;
  let metrics: PrometheusMetrics;
  let buffer: EventBufferService;
  let subscriptions: SubscriptionService;

  beforeEach(async () => {
    gates = new Gates();
    log = new WrappedLog(store.open());
    log.at = (point) => gates.pass(point);
    metrics = new PrometheusMetrics();
    buffer = new EventBufferService(log, metrics);
    subscriptions = new SubscriptionService(buffer, log, new OpenAuthenticator(), OPTIONS, metrics);
    subscriptions.onModuleInit();
    // The very first event of a log is never delivered as it was announced.
    await push('first');
  });

  afterEach(async () => {
    subscriptions.onModuleDestroy();
    await log.close();
    store.remove();
  });

  async function connect(connection = new FakeConnection()): Promise<FakeConnection> {
    subscriptions.subscribe(connection, { accessId: USER, lastEventId: null });
    await settle();
    return connection;
  }

  async function push(text: string): Promise<void> {
    await buffer.push({ events: [{ accessId: USER, createdAt: 1, text }], arrival: { at: nowMs() } });
    await settle();
  }

  async function found() {
    const figures = new Figures((await metrics.report()).text);
    const count = (standing: string) =>
      figures.value(`notifier_position_checks_total{standing="${standing}"}`);
    return { current: count('current'), behind: count('behind'), gone: count('gone') };
  }

  test('makes good an announcement that never came', async () => {
    const connection = await connect();
    log.swallows = true;
    await push('a');
    expect(connection.texts).toEqual([]);
    log.doubt(USER);
    await settle();
    expect(connection.texts).toEqual(['a']);
    expect(await found()).toEqual({ current: 0, behind: 1, gone: 0 });
  });

  test('asks for nobody who has not begun', async () => {
    const asked: CursorState[] = [];
    log.survey = async (cursors) => {
      asked.push(...cursors);
      return { astray: [], unknown: 0 };
    };
    const connection = await connect();
    gates.close('view');
    await connect();
    log.doubt(USER);
    await settle();
    expect(asked.map(({ position }) => formatPosition(position))).toEqual([
      connection.subscribed!.lastEventId,
    ]);
    gates.open('view');
  });

  test('leaves alone what is announced but not delivered yet', async () => {
    const connection = await connect();
    log.doubt(USER);
    await push('a');
    expect(connection.texts).toEqual(['a']);
    expect(wereAnnounced(connection)).toEqual([true]);
    expect(await found()).toEqual({ current: 1, behind: 0, gone: 0 });
  });

  test('leaves alone what is delivered while it asks', async () => {
    const connection = await connect();
    gates.close('view');
    log.doubt(USER);
    await gates.reached('view');
    await push('a');
    gates.open('view');
    await settle();
    await push('b');
    expect(connection.texts).toEqual(['a', 'b']);
    expect(wereAnnounced(connection)).toEqual([true, true]);
    expect(await found()).toEqual({ current: 1, behind: 0, gone: 0 });
  });

  test('takes nothing from those who share the tail with a slow reader', async () => {
    const slow = await connect();
    const connection = await connect();
    slow.hasRoom = false;
    await push('a');
    log.doubt(USER);
    await push('b');
    expect(connection.texts).toEqual(['a', 'b']);
    expect(wereAnnounced(connection)).toEqual([true, true]);
    expect(await found()).toEqual({ current: 2, behind: 0, gone: 0 });
    slow.hasRoom = true;
    log.doubt(USER);
    await settle();
    expect(slow.texts).toEqual(['a', 'b']);
  });

  test('moves on a cursor whose page could not be read', async () => {
    const connection = await connect();
    connection.hasRoom = false;
    await push('a');
    await push('b');
    log.at = (point) => {
      if (point === 'read') throw new StoreUnavailableError('gone');
    };
    connection.hasRoom = true;
    await push('c');
    expect(connection.texts).toEqual([]);
    log.at = () => undefined;
    log.doubt(USER);
    await settle();
    expect(connection.texts).toEqual(['a', 'b', 'c']);
  });

  test('ends one whose events are gone', async () => {
    const connection = await connect();
    await log.replace(store.open());
    log.doubt(USER);
    await settle();
    expect(connection.closed).toEqual({ reason: 'fell behind' });
    expect(await found()).toEqual({ current: 0, behind: 0, gone: 1 });
  });

  test('counts nobody of whom the store says nothing', async () => {
    await connect();
    await connect();
    log.survey = async () => ({ astray: [], unknown: 1 });
    log.doubt(USER);
    await settle();
    expect(await found()).toEqual({ current: 1, behind: 0, gone: 0 });
  });

  test('asks for nobody who has left meanwhile', async () => {
    await connect();
    log.doubt(USER);
    for (const subscription of subscriptions.subscriptionsOf(USER)) subscription.end();
    await settle();
    expect(await found()).toEqual({ current: 0, behind: 0, gone: 0 });
  });
});
