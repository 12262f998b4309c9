import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { Module, type DynamicModule, type Provider } from '@nestjs/common';
import { Test, type TestingModule } from '@nestjs/testing';
import { FakeConnection } from '../../test/support/fake-connection.js';
import { Gates, settle } from '../../test/support/gates.js';
import { TestStore } from '../../test/support/test-store.js';
import { eventually } from '../../test/support/wait.js';
import { WrappedLog } from '../../test/support/wrapped-log.js';
import { PrometheusMetrics } from '../metrics/prometheus-metrics.js';
import { Authenticator, NotAdmittedError } from './authenticator.js';
import { EventBufferService } from './event-buffer.service.js';
import { StoreUnavailableError } from './event-log.js';
import { Lifecycle } from './lifecycle.js';
import { Metrics } from './metrics.js';
import { NotifierModule } from './notifier.module.js';
import { OpenConnections } from './open-connections.js';
import { NotifierOptions } from './options.js';
import { SubscriptionService, type SubscribeRequest } from './subscription.service.js';

const USER = 'client1';

const OPTIONS: NotifierOptions = {
  heartbeatMs: 50,
  maxConnectionsPerUser: 2,
  shutdownDelayMs: 0,
  shutdownGraceMs: 100,
};

@Module({})
class PortsModule {
  static with(providers: Provider[]): DynamicModule {
    return { module: PortsModule, global: true, providers, exports: providers };
  }
}

/** Waits until a position check that begins now has had its effect. */
async function untilChecked(connection: FakeConnection): Promise<void> {
  const { heartbeats } = connection;
  await eventually(
    () => connection.heartbeats >= heartbeats + 2 || connection.closed !== undefined,
    'a heartbeat',
  );
  await settle();
}

describe('the subscriptions of a node', () => {
  const store = new TestStore('memory');
  let module: TestingModule;
  let subscriptions: SubscriptionService;
  let buffer: EventBufferService;
  let log: WrappedLog;
  let gates: Gates;
  let authenticate: () => Promise<void>;

  beforeEach(async () => {
    gates = new Gates();
    authenticate = () => gates.pass('authenticate');
    log = new WrappedLog(store.open());
    log.at = (point) => gates.pass(point);
    const ports = PortsModule.with([
      log.provider,
      { provide: Authenticator, useValue: { authenticate: () => authenticate() } },
      { provide: NotifierOptions, useValue: OPTIONS },
      { provide: Metrics, useClass: PrometheusMetrics },
      { provide: OpenConnections, useValue: new OpenConnections(100) },
      Lifecycle,
    ]);
    module = await Test.createTestingModule({ imports: [ports, NotifierModule] }).compile();
    await module.init();
    subscriptions = module.get(SubscriptionService);
    buffer = module.get(EventBufferService);
  });

  afterEach(async () => {
    await module.close();
    store.remove();
  });

  function connect(request: Partial<SubscribeRequest> = {}, connection = new FakeConnection()) {
    const subscription = subscriptions.subscribe(connection, {
      accessId: USER,
      lastEventId: null,
      ...request,
    });
    return { connection, subscription };
  }

  async function push(text: string): Promise<void> {
    await buffer.push({ events: [{ accessId: USER, createdAt: 1, text }] });
    await settle();
  }

  test('a connection gets what its user is pushed, and nothing once it has ended', async () => {
    const { connection, subscription } = connect();
    await settle();
    await push('a');
    subscription.end();
    await push('b');
    expect(connection.texts).toEqual(['a']);
    expect(subscriptions.userCount).toBe(0);
  });

  test('what one turn of the event loop brings leaves as one delivery', async () => {
    const { connection } = connect();
    await settle();
    await Promise.all(['a', 'b', 'c'].map(push));
    expect(connection.deliveries.map(({ events }) => events.length)).toEqual([3]);
  });

  test('a user who comes back while an old page is being read is not given that page', async () => {
    await push('seen');
    gates.close('wasRead');
    const first = connect();
    await gates.reached('wasRead');
    const { lastEventId } = first.connection.subscribed!;
    first.subscription.end();
    await push('missed');
    const second = connect({ lastEventId });
    await settle();
    gates.open('wasRead');
    await settle();
    expect(second.connection.texts).toEqual(['missed']);
  });

  test('an event that comes while the first page is being read is delivered after it', async () => {
    await push('a');
    gates.close('wasRead');
    const { connection } = connect({ timestamp: 0 }, new FakeConnection('plain'));
    await gates.reached('wasRead');
    await push('b');
    gates.open('wasRead');
    await settle();
    expect(connection.texts).toEqual(['a', 'b']);
  });

  test('a drop ends a connection that is still authenticating, and none that comes later', async () => {
    gates.close('authenticate', 'drop');
    const { connection: earlier } = connect();
    const dropped = subscriptions.drop(USER);
    await gates.reached('drop');
    const { connection: later } = connect();
    gates.open('drop');
    await dropped;
    expect(earlier.closed).toEqual({ reason: 'dropped' });
    gates.open('authenticate');
    await settle();
    expect(earlier.subscribed).toBeUndefined();
    expect(later.subscribed).toBeDefined();
    await untilChecked(later);
    expect(later.closed).toBeUndefined();
  });

  test('what was pushed before a drop is sent before the connection is closed', async () => {
    const { connection } = connect();
    await settle();
    await push('before');
    connection.onDelivery = () => expect(connection.closed).toBeUndefined();
    await buffer.push({ events: [{ accessId: USER, createdAt: 1, text: 'why' }] });
    await subscriptions.drop(USER);
    expect(connection.texts).toEqual(['before', 'why']);
    expect(connection.closed).toEqual({ reason: 'dropped' });
  });

  test('a connection that is dropped while its start is being read is told nothing more', async () => {
    await push('a');
    gates.close('viewed');
    const { connection } = connect({ timestamp: 0 });
    await gates.reached('viewed');
    await subscriptions.drop(USER);
    gates.open('viewed');
    await settle();
    expect(connection.closed).toEqual({ reason: 'dropped' });
    expect(connection.subscribed).toBeUndefined();
    expect(connection.texts).toEqual([]);
  });

  test('a position check in the middle of a drop does not end what came after the request', async () => {
    gates.close('drop', 'dropped');
    const dropped = subscriptions.drop(USER);
    await gates.reached('drop');
    const { connection } = connect();
    await settle();
    gates.open('drop');
    await gates.reached('dropped');
    await untilChecked(connection);
    gates.open('dropped');
    await dropped;
    await untilChecked(connection);
    expect(connection.closed).toBeUndefined();
  });

  test('nor does one between two drops that were asked for at the same time', async () => {
    let counted = 0;
    log.at = (point) => {
      if (point === 'drop') return gates.pass(point);
      return point === 'dropped' && ++counted === 2 ? gates.pass(point) : undefined;
    };
    gates.close('drop', 'dropped');
    const [first, second] = [subscriptions.drop(USER), subscriptions.drop(USER)];
    const { connection } = connect();
    await settle();
    gates.open('drop');
    await first;
    await untilChecked(connection);
    gates.open('dropped');
    await second;
    await untilChecked(connection);
    expect(connection.closed).toBeUndefined();
  });

  test('a drop by another node is noticed at the next position check', async () => {
    const { connection } = connect();
    await settle();
    await log.drop(USER);
    await untilChecked(connection);
    expect(connection.closed).toEqual({ reason: 'dropped' });
    const { connection: later } = connect();
    await settle();
    await untilChecked(later);
    expect(later.closed).toBeUndefined();
  });

  test('a drop that the store does not take ends nobody', async () => {
    const { connection } = connect();
    await settle();
    log.at = (point) => {
      if (point === 'drop') throw new StoreUnavailableError('full');
    };
    await expect(subscriptions.drop(USER)).rejects.toThrow(StoreUnavailableError);
    expect(connection.closed).toBeUndefined();
  });

  test('the oldest connection gives way to one too many, but not to one that may not come in', async () => {
    const [oldest, older] = [connect(), connect()];
    await settle();
    authenticate = () => Promise.reject(new NotAdmittedError({ reason: 'unauthorized' }));
    const refused = connect();
    await settle();
    expect(refused.connection.closed).toEqual({ reason: 'unauthorized' });
    expect(refused.connection.subscribed).toBeUndefined();
    expect(oldest.connection.closed).toBeUndefined();
    authenticate = async () => undefined;
    connect();
    await settle();
    expect(oldest.connection.closed).toEqual({ reason: 'replaced' });
    expect(older.connection.closed).toBeUndefined();
  });

  test('a connection that has yet to prove who it is takes no place until it has', async () => {
    const { connection: oldest } = connect();
    await settle();
    gates.close('authenticate');
    const { connection: unproved } = connect();
    await gates.reached('authenticate');
    authenticate = async () => undefined;
    const { connection: newest } = connect();
    await settle();
    expect(newest.subscribed).toBeDefined();
    expect(oldest.closed).toBeUndefined();
    gates.open('authenticate');
    await settle();
    expect(unproved.subscribed).toBeDefined();
    expect(oldest.closed).toEqual({ reason: 'replaced' });
  });

  test('a connection that shows no sign of life is cut at its heartbeat', async () => {
    const { connection } = connect();
    await untilChecked(connection);
    expect(connection.isTerminated).toBe(false);
    connection.isAlive = false;
    await eventually(() => connection.isTerminated, 'the cut');
    expect(subscriptions.userCount).toBe(0);
  });

  test('an announcement that never came is made good by the position check', async () => {
    const { connection } = connect();
    await settle();
    log.swallows = true;
    await push('a');
    await eventually(() => connection.texts.length > 0, 'the event');
    log.swallows = false;
    await push('b');
    expect(connection.texts).toEqual(['a', 'b']);
  });

  test('an event whose predecessor was never announced brings the predecessor along', async () => {
    const { connection } = connect();
    await settle();
    gates.close('view');
    log.swallows = true;
    await push('a');
    log.swallows = false;
    await push('b');
    expect(connection.texts).toEqual(['a', 'b']);
  });

  test('a store that does not answer turns a subscriber away, and a silent position check cuts nobody', async () => {
    const { connection } = connect();
    await settle();
    log.at = (point) => {
      if (point === 'view') throw new StoreUnavailableError('gone');
    };
    const { connection: refused } = connect();
    await settle();
    expect(refused.closed).toEqual({ reason: 'try again later' });
    await untilChecked(connection);
    expect(connection.closed).toBeUndefined();
  });

  test('whoever comes is told to spread its return over 0.2 ms for each connection there is, but over 0.5 s at least', async () => {
    const toldWindow = async () => {
      const { connection } = connect();
      await eventually(() => connection.subscribed !== undefined, 'its turn');
      return connection.subscribed!.reconnectWithinMs;
    };
    // 3,000 heartbeats every 50 ms would be all that a busy machine does.
    subscriptions.onModuleDestroy();
    const others = Array.from({ length: 2999 }, (_, i) => connect({ accessId: `user${i}` }));
    expect(await toldWindow()).toBe(600);
    for (const { subscription } of others) subscription.end();
    expect(await toldWindow()).toBe(500);
  });

  test('whoever comes while the node is drained is told why', async () => {
    subscriptions.drain(() => ({ reason: 'restarting', retryAfterMs: 7 }));
    const { connection } = connect();
    expect(connection.closed).toEqual({ reason: 'restarting', retryAfterMs: 7 });
    expect(subscriptions.userCount).toBe(0);
  });
});
