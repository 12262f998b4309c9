import { afterEach, expect, it } from '@jest/globals';
import { Proxy } from './faults/proxy.js';
import { event, push, pushed, send } from './support/http.js';
import { freePort, RedisProcess } from './support/redis-server.js';
import { Sentinels } from './support/sentinels.js';
import { SocketClient } from './support/socket-client.js';
import { startApp, type RunningApp } from './support/start-app.js';
import { eventually } from './support/wait.js';

/** A master, a replica that reaches it through a proxy, a Sentinel, and a node. */
interface Setting {
  readonly master: RedisProcess;
  readonly replica: RedisProcess;
  readonly link: Proxy;
  readonly sentinel: Sentinels;
  readonly app: RunningApp;
}

const endings: (() => Promise<unknown>)[] = [];

afterEach(async () => {
  for (const end of endings.splice(0).toReversed()) await end();
});

async function startNode(url: string, waitReplicas: number): Promise<RunningApp> {
  const app = await startApp({
    NOTIFIER_STORE: 'redis',
    NOTIFIER_REDIS_URL: url,
    NOTIFIER_REDIS_WAIT: String(waitReplicas),
    NOTIFIER_HEARTBEAT: '1',
  });
  endings.push(() => app.close());
  await eventually(() => isReady(app), 'the node is ready');
  return app;
}

async function start(waitReplicas: number): Promise<Setting> {
  const master = await RedisProcess.start();
  endings.push(() => master.remove());
  const link = await Proxy.to(master.port);
  endings.push(() => link.close());
  const replica = await RedisProcess.start('--replicaof', '127.0.0.1', String(link.port));
  endings.push(() => replica.remove());
  await eventually(
    async () => (await info(replica)).includes('master_link_status:up'),
    'the replica follows',
  );
  const sentinel = await Sentinels.start(master, 1, 1);
  endings.push(() => sentinel.remove());
  const app = await startNode(sentinel.url, waitReplicas);
  return { master, replica, link, sentinel, app };
}

async function info(redis: RedisProcess): Promise<string> {
  return String(await redis.ask('INFO'));
}

/** A promotion counts as complete where the replica ran since before the last write, clocks being as different as they may. */
async function hasRunAWhile(redis: RedisProcess): Promise<void> {
  const uptime = async () => Number(/uptime_in_seconds:(\d+)/.exec(await info(redis))![1]);
  await eventually(async () => (await uptime()) > 6, 'it ran a while');
}

async function isReady({ url }: RunningApp): Promise<boolean> {
  return (await send(url, '/health/ready')).status === 200;
}

/** As clients do: whoever is told to try again later (1013) comes again. */
async function subscribe(app: RunningApp, lastEventId: string | null): Promise<SocketClient> {
  for (;;) {
    const client = await SocketClient.subscribe(app.url, { access_id: 'alice', last_event_id: lastEventId });
    endings.push(() => client.terminate());
    await client.until(({ hasReachedHead, closeCode }) => hasReachedHead || closeCode !== undefined);
    if (client.closeCode !== 1013) return client;
  }
}

/** Kills the master, and waits until its replica has its place and the node has found it. */
async function failOver({ master, replica, sentinel, app }: Setting): Promise<void> {
  await master.kill();
  await eventually(async () => (await sentinel.master()) === replica.port, 'the replica is promoted', 60_000);
  await eventually(() => isReady(app), 'the node is ready again', 60_000);
}

it('a failover to a replica that lags is a declared gap, for those who are connected and those who come back', async () => {
  const setting = await start(0);
  const { app, link, replica } = setting;
  const here = await subscribe(app, null);
  await pushed(app.url, [event('alice', 1, 'kept')]);
  await here.untilEvents(1);
  const [kept] = here.ids();
  await eventually(async () => String(await replica.ask('KEYS', '*:e:alice')) !== '', 'the replica has it');
  link.stall();
  await pushed(app.url, [event('alice', 2, 'lost')]);
  await here.untilEvents(2);
  await failOver(setting);
  expect(await here.closed()).toMatchObject({ code: 4008 });
  const back = await subscribe(app, kept!);
  expect(back.subscribed()).toMatchObject({ recovered: false });
  await pushed(app.url, [event('alice', 3, 'new')]);
  await back.until(() => back.payloads().includes('new'));
  const [lost, renewed] = [here.ids()[1], back.ids().at(-1)];
  expect(renewed).not.toBe(lost);
  // Whoever has something newer than the loss has missed nothing since.
  expect((await subscribe(app, renewed!)).subscribed()).toMatchObject({ recovered: true });
}, 120_000);

it('with NOTIFIER_REDIS_WAIT=1 a failover loses nothing, and nobody is told that it did', async () => {
  const setting = await start(1);
  const { app, replica } = setting;
  await hasRunAWhile(replica);
  const here = await subscribe(app, null);
  await pushed(app.url, [event('alice', 1, 'one'), event('alice', 2, 'two')]);
  await here.untilEvents(2);
  await failOver(setting);
  const back = await subscribe(app, here.ids()[0]!);
  expect(back.subscribed()).toMatchObject({ recovered: true });
  expect(back.payloads()).toEqual(['two']);
  expect(here.closeCode).toBeUndefined();
  // No replica is left that could have it.
  expect((await push(app.url, [event('alice', 3, 'three')])).status).toBe(503);
}, 120_000);

it('a time without NOTIFIER_REDIS_WAIT costs one gap, and not one with every failover that follows', async () => {
  const master = await RedisProcess.start();
  endings.push(() => master.remove());
  const replica = await RedisProcess.start('--replicaof', '127.0.0.1', String(master.port));
  endings.push(() => replica.remove());
  await hasRunAWhile(master);
  const former = await startNode(master.url, 0);
  await pushed(former.url, [event('alice', 1, 'not waited for')]);
  await former.close();
  const app = await startNode(master.url, 1);
  const nobody = await freePort();
  const isStored = async (payload: string) =>
    (await push(app.url, [event('alice', 2, payload)])).status === 200;
  /** A server that was a replica for a moment has the same history as one that is promoted. */
  const promote = async () => {
    await master.ask('REPLICAOF', '127.0.0.1', nobody);
    await master.ask('REPLICAOF', 'NO', 'ONE');
  };
  const first = await subscribe(app, null);
  await promote();
  expect(await first.closed()).toMatchObject({ code: 4008 });
  await eventually(() => isStored('waited for'), 'the replica follows again');
  const second = await subscribe(app, null);
  await promote();
  await eventually(() => isStored('after it'), 'the replica follows again');
  const back = await subscribe(app, second.subscribed()!.last_event_id);
  expect(back.subscribed()).toMatchObject({ recovered: true });
  expect(back.payloads()).toEqual(['after it']);
}, 120_000);
