import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { readConfig } from '../src/config.js';
import {
  EventLog,
  type LogListener,
  type LogView,
  type Page,
  type Since,
} from '../src/notifier/event-log.js';
import type { Position } from '../src/notifier/position.js';
import { RedisEventLog } from '../src/storage/redis-event-log.js';
import { Gates } from './support/gates.js';
import { drop, event, pushed } from './support/http.js';
import { OwnServer } from './support/own-server.js';
import { RedisProcess } from './support/redis-server.js';
import { SocketClient } from './support/socket-client.js';
import { startApp, type RunningApp } from './support/start-app.js';
import { eventually } from './support/wait.js';
import { untilReady } from './support/ready.js';

/** The real log, in which a node can be held up, and drops on other nodes go unheard. */
class HeldLog extends RedisEventLog {
  readonly gates = new Gates();
  isDeaf = false;
  private views = 0;

  override async drop(accessId: string): Promise<number> {
    await this.gates.pass('drop asked');
    const drops = await super.drop(accessId);
    await this.gates.pass('drop told');
    return drops;
  }

  override async view(accessId: string, seq: number): Promise<LogView> {
    const name = ++this.views === 1 ? 'count' : 'start';
    await this.gates.pass(`${name} asked`);
    const view = await super.view(accessId, seq);
    await this.gates.pass(`${name} told`);
    return view;
  }

  override async read(
    accessId: string,
    after: Position,
    maxBytes: number,
    since: Since | undefined,
  ): Promise<Page | undefined> {
    await this.gates.pass('page asked');
    const page = await super.read(accessId, after, maxBytes, since);
    await this.gates.pass('page told');
    return page;
  }

  override listen(listener: LogListener): void {
    const dropped: LogListener['dropped'] = (...drop) => {
      if (!this.isDeaf) listener.dropped(...drop);
    };
    super.listen({
      appended: (announcements) => listener.appended(announcements),
      missed: (accessIds) => listener.missed(accessIds),
      dropped,
    });
  }
}

/** Where a subscription may be on its way once its node has told the store that it is there. */
const PLACES = ['count told', 'start asked', 'start told', 'page asked', 'page told'];

let redis: RedisProcess;
let asked: OwnServer;
let log: HeldLog;
let here: RunningApp;
let there: RunningApp;
const clients: SocketClient[] = [];

beforeAll(async () => {
  redis = await RedisProcess.start();
});

beforeEach(async () => {
  asked = await OwnServer.listen();
  const own = { NOTIFIER_STORE: 'redis', NOTIFIER_REDIS_URL: redis.url, NOTIFIER_HEARTBEAT: '1' };
  here = await startApp(own);
  const asking = {
    ...own,
    NOTIFIER_AUTH: 'none',
    HOST: '127.0.0.1',
    NOTIFIER_AUTH_URL: `${asked.url}/may`,
  };
  const { bounds, redis: options } = readConfig(asking);
  log = new HeldLog(bounds, options);
  there = await startApp(asking, [{ provide: EventLog, useValue: log }]);
  for (const { url } of [here, there]) {
    await untilReady(url);
  }
});

afterEach(async () => {
  await Promise.all(clients.splice(0).map((client) => client.terminate()));
  await Promise.all([here.close(), there.close()]);
  asked.close();
  await redis.ask('FLUSHALL');
});

afterAll(() => redis.remove());

async function subscribe(first: object = {}): Promise<SocketClient> {
  const client = await SocketClient.subscribe(there.url, {
    access_id: 'alice',
    token: 't',
    last_event_id: null,
    timestamp: 0,
    ...first,
  });
  clients.push(client);
  return client;
}

async function droppedHere(): Promise<void> {
  expect((await drop(here.url, 'alice')).text).toBe('true');
}

/** Whoever comes now stays. */
async function expectWelcome(): Promise<void> {
  const later = await subscribe();
  await later.until(({ hasReachedHead }) => hasReachedHead);
  await pushed(here.url, [event('alice', 2, 'later')]);
  await later.until(() => later.payloads().includes('later'));
  expect(later.closeCode).toBeUndefined();
}

describe.each([
  ['heard of', false],
  ['not heard of', true],
])('a drop on another node that is %s', (_what, isDeaf) => {
  beforeEach(async () => {
    log.isDeaf = isDeaf;
    await pushed(here.url, [event('alice', 1, 'secret')]);
  });

  test('ends a subscription that is still being asked for, and it gets nothing', async () => {
    const answers: (() => void)[] = [];
    asked.answer = (response) => void answers.push(() => response.end());
    const client = await subscribe();
    await eventually(() => answers.length === 1, 'the question is open');
    await droppedHere();
    for (const answer of answers) answer();
    expect(await client.closed()).toEqual({ code: 4503, reason: 'dropped' });
    expect(client.texts).toEqual([]);
    asked.answer = (response) => response.end();
    await expectWelcome();
  });

  test('ends one that is dropped by whoever is asked about it', async () => {
    asked.answer = (response) => {
      asked.answer = (next) => next.end();
      void droppedHere().then(() => response.end());
    };
    const client = await subscribe();
    expect(await client.closed()).toEqual({ code: 4503, reason: 'dropped' });
    expect(client.texts).toEqual([]);
    await expectWelcome();
  });

  test.each(PLACES)('ends one that is held where its %s', async (place) => {
    log.gates.close(place);
    const client = await subscribe();
    await log.gates.reached(place);
    await droppedHere();
    log.gates.open(place);
    expect(await client.closed()).toEqual({ code: 4503, reason: 'dropped' });
    await expectWelcome();
  });
});

test('a drop on another node never ends what comes after it, however early the news of it is', async () => {
  log.gates.close('count asked');
  const client = await subscribe();
  await log.gates.reached('count asked');
  // Nobody can have seen it yet: in the order of the store it comes after the drop.
  await droppedHere();
  log.gates.open('count asked');
  await client.until(({ hasReachedHead }) => hasReachedHead);
  await pushed(here.url, [event('alice', 1, 'one')]);
  await client.untilEvents(1);
  await eventually(() => client.pings > 2, 'two heartbeats are over');
  expect(client.closeCode).toBeUndefined();
});

/** While its own node carries out a drop that was asked for before it came. */
describe('a subscription that comes in the middle of a drop', () => {
  let dropped: Promise<unknown>;

  beforeEach(async () => {
    log.gates.close('drop asked', 'drop told');
    dropped = drop(there.url, 'alice');
    await log.gates.reached('drop asked');
  });

  async function endOfDrop(): Promise<void> {
    log.gates.open('drop asked', 'drop told');
    await dropped;
  }

  test('stays', async () => {
    const client = await subscribe();
    await client.until(({ hasReachedHead }) => hasReachedHead);
    await endOfDrop();
    await eventually(() => client.pings > 2, 'two heartbeats are over');
    expect(client.closeCode).toBeUndefined();
  });

  test('is ended by another that another node was asked for since', async () => {
    const client = await subscribe();
    await client.until(({ hasReachedHead }) => hasReachedHead);
    await droppedHere();
    await endOfDrop();
    expect((await client.closed()).code).toBe(4503);
    await expectWelcome();
  });

  test('is ended by one that is stored behind it, too', async () => {
    const client = await subscribe();
    await client.until(({ hasReachedHead }) => hasReachedHead);
    log.gates.open('drop asked');
    await log.gates.reached('drop told');
    await droppedHere();
    await endOfDrop();
    expect((await client.closed()).code).toBe(4503);
    await expectWelcome();
  });

  test('shields nobody who comes after the store lost its data from a drop of their own', async () => {
    const client = await subscribe();
    await client.until(({ hasReachedHead }) => hasReachedHead);
    await endOfDrop();
    await redis.ask('FLUSHALL');
    // It comes before the other one is told to go, and the node never forgets the user in between.
    const after = await subscribe();
    expect((await client.closed()).code).toBe(4008);
    await after.until(({ hasReachedHead, closeCode }) => hasReachedHead || closeCode !== undefined);
    await droppedHere();
    expect((await after.closed()).code).toBe(4503);
  });

  test.each(PLACES)('is ended by another while it is held where its %s', async (place) => {
    await pushed(here.url, [event('alice', 1, 'secret')]);
    log.gates.close(place);
    const client = await subscribe();
    await log.gates.reached(place);
    await droppedHere();
    log.gates.open(place);
    await client.until((one) => one.hasReachedHead || one.closeCode !== undefined);
    await endOfDrop();
    expect((await client.closed()).code).toBe(4503);
    await expectWelcome();
  });
});

test('the store losing its data while a subscription is being asked for ends it, since its drops are lost with them', async () => {
  const answers: (() => void)[] = [];
  asked.answer = (response) => void answers.push(() => response.end());
  await droppedHere();
  const client = await subscribe();
  await eventually(() => answers.length === 1, 'the question is open');
  await redis.ask('FLUSHALL');
  await droppedHere();
  for (const answer of answers) answer();
  expect((await client.closed()).code).toBe(4008);
  expect(client.texts).toEqual([]);
});
