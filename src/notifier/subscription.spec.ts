import { beforeEach, describe, expect, test } from '@jest/globals';
import { Logger } from '@nestjs/common';
import { array, assert, asyncProperty, constant, constantFrom, integer, oneof, record } from 'fast-check';
import { FakeConnection } from '../../test/support/fake-connection.js';
import { settle } from '../../test/support/gates.js';
import { TestStore } from '../../test/support/test-store.js';
import { WrappedLog } from '../../test/support/wrapped-log.js';
import { PrometheusMetrics } from '../metrics/prometheus-metrics.js';
import { EventBufferService } from './event-buffer.service.js';
import { StoreUnavailableError } from './event-log.js';
import { Subscription } from './subscription.js';
import { UserSubscriptions } from './user-subscriptions.js';
import { onAppended } from '../../test/support/on-appended.js';

const USER = 'client1';
/** Four of them fill a frame. */
const LARGE = 'x'.repeat(60_000);

/** One user's cursors over a real log, told of every append at once. */
class World {
  readonly user = new UserSubscriptions(USER, Promise.resolve());
  readonly log: WrappedLog;
  readonly buffer: EventBufferService;
  readonly metrics = new PrometheusMetrics();
  reads = 0;
  /** Whether announcements get lost. */
  isDeaf = false;
  private pushed = 0;

  constructor(bufferEvents = 1000) {
    const store = new TestStore('memory');
    this.log = new WrappedLog(store.open({ bufferEvents }));
    store.remove();
    this.log.at = (point) => {
      if (point === 'read') this.reads++;
    };
    this.log.listen(
      onAppended((announcements) => {
        if (this.isDeaf) return;
        for (const announcement of announcements) this.user.tail.add(announcement);
        this.user.pump();
      }),
    );
    this.buffer = new EventBufferService(this.log, this.metrics);
  }

  async subscribe(lastEventId: string | null = null, timestamp?: number, connection = new FakeConnection()) {
    const { tail, all } = this.user;
    const { buffer, metrics } = this;
    const onEnd = (ended: Subscription) => all.delete(ended);
    const subscription = new Subscription(USER, connection, tail, buffer, metrics, onEnd);
    all.add(subscription);
    const request = { lastEventId, ...(timestamp !== undefined && { timestamp }) };
    const { version } = tail;
    const start = await buffer.start(USER, request, version);
    subscription.begin(start);
    if (start.page) subscription.takePage(start.page, version);
    else subscription.pump();
    await settle();
    return { subscription, connection };
  }

  /** Pushes events whose texts begin with the numbers from 1 on. */
  async push(count = 1, filling = ''): Promise<void> {
    const events = Array.from({ length: count }, () => {
      const text = `${++this.pushed} ${filling}`;
      return { accessId: USER, createdAt: this.pushed, text };
    });
    await this.buffer.push({ events });
    await settle();
  }
}

const numbers = ({ texts }: FakeConnection) => texts.map((text) => Number.parseInt(text, 10));
const upTo = (last: number) => Array.from({ length: last }, (_, i) => i + 1);

describe('a subscription', () => {
  let world: World;

  beforeEach(() => {
    world = new World();
  });

  test('follows the announcements without reading the log again', async () => {
    const { connection } = await world.subscribe();
    const { reads } = world;
    await world.push();
    // The log was empty before: only it can tell that nothing came before the first event.
    expect(world.reads).toBe(reads + 1);
    for (let i = 0; i < 5; i++) await world.push();
    expect(numbers(connection)).toEqual(upTo(6));
    expect(world.reads).toBe(reads + 1);
  });

  test('is not at the head before it has what the log had at its start, whatever was announced', async () => {
    const early = await world.subscribe();
    await world.push();
    world.isDeaf = true;
    await world.push(2);
    const connection = new FakeConnection();
    connection.onDelivery = () => expect(connection.headMarks).toBe(0);
    await world.subscribe(early.connection.lastId, undefined, connection);
    expect(numbers(connection)).toEqual([2, 3]);
    expect(connection.headMarks).toBe(1);
  });

  test('is not sent anything while its socket is full, and goes on from its position', async () => {
    const { subscription, connection } = await world.subscribe();
    connection.onDelivery = () => (connection.hasRoom = false);
    await world.push(6, LARGE);
    expect(connection.deliveries).toHaveLength(1);
    await world.push(6, LARGE);
    expect(connection.deliveries).toHaveLength(1);
    expect((await world.metrics.report()).text).toContain('\nnotifier_full_sockets_total 1\n');
    connection.onDelivery = () => undefined;
    connection.hasRoom = true;
    subscription.pump();
    await settle();
    expect(numbers(connection)).toEqual(upTo(12));
  });

  test('shares its frames and reads with the others that stand where it stands', async () => {
    await world.push(2);
    const first = await world.subscribe();
    const second = await world.subscribe();
    await world.push();
    expect(first.connection.deliveries[0]).toBe(second.connection.deliveries[0]);
    world.log.swallows = true;
    await world.push(3);
    const { reads } = world;
    first.subscription.lookAgain();
    second.subscription.lookAgain();
    await settle();
    expect(world.reads).toBe(reads + 1);
    expect(numbers(second.connection)).toEqual([3, 4, 5, 6]);
  });

  test('finds an event that was never announced behind more frames than one', async () => {
    const { subscription, connection } = await world.subscribe();
    connection.hasRoom = false;
    await world.push(9, LARGE);
    world.log.swallows = true;
    await world.push();
    connection.hasRoom = true;
    subscription.lookAgain();
    await settle();
    expect(numbers(connection)).toEqual(upTo(10));
  });

  test('is closed where the log was trimmed past its position', async () => {
    world = new World(2);
    const { subscription, connection } = await world.subscribe();
    await world.push();
    connection.hasRoom = false;
    await world.push(3);
    connection.hasRoom = true;
    subscription.pump();
    await settle();
    expect(connection.closed).toEqual({ reason: 'fell behind' });
    expect(numbers(connection)).toEqual([1]);
    expect(world.user.all.size).toBe(0);
  });

  test('waits where the store does not answer, and goes on when it does', async () => {
    const { subscription, connection } = await world.subscribe();
    world.log.at = () => {
      throw new StoreUnavailableError('gone');
    };
    subscription.lookAgain();
    await settle();
    world.log.at = () => undefined;
    await world.push();
    await settle();
    expect(connection.closed).toBeUndefined();
    expect(connection.deliveries).toHaveLength(1);
  });

  test('ends, and says why in the log, where the store is broken', async () => {
    const said: unknown[] = [];
    Logger.overrideLogger({ error: (error: unknown) => said.push(error), log: () => 0, warn: () => 0 });
    const { subscription, connection } = await world.subscribe();
    const broken = new Error('MDB_CORRUPTED');
    world.log.at = () => {
      throw broken;
    };
    subscription.lookAgain();
    await settle();
    Logger.overrideLogger(false);
    expect(connection.closed).toEqual({ reason: 'internal error' });
    expect(said).toEqual([broken]);
  });

  test('sends nothing after its end, not even a page that was being read', async () => {
    await world.push(3);
    const { subscription, connection } = await world.subscribe();
    world.log.swallows = true;
    await world.push();
    subscription.lookAgain();
    subscription.close({ reason: 'dropped' });
    await settle();
    expect(connection.texts).toEqual([]);
    subscription.close({ reason: 'replaced' });
    expect(connection.closed).toEqual({ reason: 'dropped' });
  });

  test('marks the head once, after all that was there and before what comes', async () => {
    await world.push(12, LARGE);
    const { connection } = await world.subscribe('unknown');
    expect([connection.headMarks, numbers(connection)]).toEqual([1, upTo(12)]);
    await world.push(3);
    expect(connection.headMarks).toBe(1);
  });

  test('needs the log no more once it has passed what its timestamp chose from', async () => {
    await world.push(3);
    const { connection } = await world.subscribe(null, 3);
    const { reads } = world;
    await world.push(2);
    expect(numbers(connection)).toEqual([3, 4, 5]);
    expect(world.reads).toBe(reads);
  });

  test('marks the head of an empty log', async () => {
    expect((await world.subscribe()).connection.headMarks).toBe(1);
  });

  test('lets go of the tail once no cursor needs it', async () => {
    const { subscription, connection } = await world.subscribe();
    await world.push();
    const before = subscription.position!;
    await world.push();
    expect(numbers(connection)).toEqual([1, 2]);
    expect(world.user.tail.deliveryAfter(before, 'resumable')).toBeUndefined();
  });
});

/** What can happen to a cursor, in any order. */
const step = oneof(
  record({ kind: constant('push' as const), count: integer({ min: 1, max: 7 }) }),
  record({
    kind: constantFrom('full', 'drained', 'lose', 'announce', 'look', 'join', 'leave', 'resume'),
  }),
);

test('whatever happens, a cursor sees every event once and in order', async () => {
  await assert(
    asyncProperty(array(step, { maxLength: 40 }), async (steps) => {
      const world = new World();
      const { subscription, connection } = await world.subscribe();
      const others = [await world.subscribe()];
      let pushed = 0;
      for (const one of steps) {
        if (one.kind === 'push') {
          const { count } = one as { count: number };
          pushed += count;
          await world.push(count, count > 5 ? LARGE : '');
        } else if (one.kind === 'full') connection.hasRoom = false;
        else if (one.kind === 'lose') world.log.swallows = true;
        else if (one.kind === 'announce') world.log.swallows = false;
        else if (one.kind === 'look') subscription.lookAgain();
        else if (one.kind === 'join') others.push(await world.subscribe());
        else if (one.kind === 'leave') others.pop()?.subscription.end();
        else if (one.kind === 'resume') await resumed(world, others);
        else {
          connection.hasRoom = true;
          subscription.pump();
        }
      }
      connection.hasRoom = true;
      subscription.lookAgain();
      for (const other of others) other.subscription.lookAgain();
      await settle();
      expect(numbers(connection)).toEqual(upTo(pushed));
      for (const other of others) {
        const got = numbers(other.connection);
        expect(got).toEqual(upTo(pushed).slice(pushed - got.length));
      }
    }),
    { numRuns: 200 },
  );
}, 60_000);

/** Another device takes over from the last one, where that had got anything. */
async function resumed(world: World, others: Awaited<ReturnType<World['subscribe']>>[]): Promise<void> {
  const last = others.at(-1);
  if (!last?.connection.lastId) return;
  last.subscription.end();
  const { connection } = await world.subscribe(last.connection.lastId);
  const seen = numbers(last.connection);
  const got = numbers(connection);
  if (got.length > 0) expect(got[0]).toBe(seen.at(-1)! + 1);
  others.pop();
}
