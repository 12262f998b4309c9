import { beforeEach, describe, expect, test } from '@jest/globals';
import { setImmediate as turn } from 'node:timers/promises';
import { FakeConnection } from '../../test/support/fake-connection.js';
import { settle } from '../../test/support/gates.js';
import { TestStore } from '../../test/support/test-store.js';
import { WrappedLog } from '../../test/support/wrapped-log.js';
import { PrometheusMetrics } from '../metrics/prometheus-metrics.js';
import { MAX_FRAME_BYTES } from './delivery.js';
import { EventBufferService } from './event-buffer.service.js';
import { NewsQueue, SLICE_CONNECTIONS } from './news-queue.js';
import { Subscription } from './subscription.js';
import { UserSubscriptions } from './user-subscriptions.js';
import { onAppended } from '../../test/support/on-appended.js';

/** Three turns of the event loop tell them all. */
const USERS = 3 * SLICE_CONNECTIONS;

/** Users with a connection each, told of every append to a real log by a queue. */
class World {
  readonly users = new Map<string, UserSubscriptions>();
  readonly connections: FakeConnection[] = [];
  private readonly queue: NewsQueue;
  private readonly buffer: EventBufferService;
  private readonly metrics = new PrometheusMetrics();

  constructor(maxWaitMs: number) {
    this.queue = new NewsQueue(maxWaitMs);
    const store = new TestStore('memory');
    const log = new WrappedLog(store.open());
    store.remove();
    log.listen(
      onAppended((announcements) => {
        for (const announcement of announcements) {
          const user = this.users.get(announcement.accessId)!;
          user.tail.add(announcement);
          this.queue.add(user);
        }
      }),
    );
    this.buffer = new EventBufferService(log, this.metrics);
  }

  /** Users with an event behind them already: their tails say what comes, and no log need be read. */
  static async withUsers(maxWaitMs: number): Promise<World> {
    const world = new World(maxWaitMs);
    for (let i = 0; i < USERS; i++) await world.connect(`user-${i}`);
    await world.push('first');
    await settle();
    for (const connection of world.connections) connection.deliveries.length = 0;
    return world;
  }

  private async connect(accessId: string): Promise<void> {
    const user = new UserSubscriptions(accessId, Promise.resolve());
    const connection = new FakeConnection();
    const { buffer, metrics } = this;
    const subscription = new Subscription(accessId, connection, user.tail, buffer, metrics, () => undefined);
    user.all.add(subscription);
    subscription.begin(await buffer.start(accessId, { lastEventId: null }, user.tail.version));
    this.users.set(accessId, user);
    this.connections.push(connection);
  }

  /** Pushes an event to every user, or to those given. */
  async push(text: string, accessIds: Iterable<string> = this.users.keys()): Promise<void> {
    const events = Array.from(accessIds, (accessId) => ({ accessId, createdAt: 1, text }));
    await this.buffer.push({ events });
  }

  /** How many events each delivery to each of the users had. */
  get sizes(): number[][] {
    return this.connections.map(({ deliveries }) => deliveries.map(({ events }) => events.length));
  }

  get told(): number {
    return this.connections.filter(({ deliveries }) => deliveries.length > 0).length;
  }
}

describe('users with news', () => {
  let world: World;

  beforeEach(async () => {
    world = await World.withUsers(3_600_000);
  });

  test('are told in the turn of the event loop that brought it, where they are few', async () => {
    await world.push('a', ['user-1', 'user-2']);
    await turn();
    expect(world.told).toBe(2);
  });

  test('leave turns of the event loop to others, where they are many', async () => {
    await world.push('a');
    const told: number[] = [];
    while (world.told < USERS) {
      await turn();
      told.push(world.told);
    }
    expect(told).toEqual([SLICE_CONNECTIONS, 2 * SLICE_CONNECTIONS, USERS]);
  });

  test('get what comes while others are told in the same frame, in order', async () => {
    await world.push('a');
    await turn();
    await world.push('b');
    await settle();
    await settle();
    const [told, waiting] = [world.sizes.slice(0, SLICE_CONNECTIONS), world.sizes.slice(SLICE_CONNECTIONS)];
    expect(told).toEqual(told.map(() => [1, 1]));
    expect(waiting).toEqual(waiting.map(() => [2]));
    expect(world.connections.map(({ texts }) => texts.join(''))).toEqual(world.connections.map(() => 'ab'));
  });

  test('are told, however many they are, once they have waited for long', async () => {
    const impatient = await World.withUsers(0);
    await impatient.push('a');
    await turn();
    expect(impatient.told).toBe(USERS);
  });

  test('are told before others, once they have as much as a frame holds, and once', async () => {
    await world.push('a');
    await turn();
    const [last] = world.connections.slice(-1);
    await world.push('x'.repeat(MAX_FRAME_BYTES), [`user-${USERS - 1}`]);
    await turn();
    expect(last!.texts.map((text) => text.length)).toEqual([1, MAX_FRAME_BYTES]);
    await settle();
    expect(last!.texts).toHaveLength(2);
    expect(world.told).toBe(USERS);
  });

  test('wait for others again, once they have been told before them', async () => {
    await world.push('x'.repeat(MAX_FRAME_BYTES), [`user-${USERS - 1}`]);
    await settle();
    await world.push('a');
    await turn();
    expect(world.connections.at(-1)!.texts).toHaveLength(1);
  });
});
