import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals';
import { Collector } from './support/collector.js';
import { Figures } from './support/figures.js';
import { event, pushed } from './support/http.js';
import { RedisProcess } from './support/redis-server.js';
import { SocketClient } from './support/socket-client.js';
import { startApp, type RunningApp } from './support/start-app.js';
import { eventually } from './support/wait.js';

const LATENCY = 'notifier_delivery_latency_seconds';

let redis: RedisProcess;
let collector: Collector;
const nodes: RunningApp[] = [];
const clients: SocketClient[] = [];

beforeAll(async () => {
  redis = await RedisProcess.start();
  collector = await Collector.start();
});

afterEach(async () => {
  await Promise.all(clients.splice(0).map((client) => client.terminate()));
  await Promise.all(nodes.splice(0).map((node) => node.close()));
  await redis.ask('FLUSHALL');
});

afterAll(async () => {
  collector.close();
  await redis.remove();
});

async function node(environment = {}): Promise<RunningApp> {
  const own = { NOTIFIER_STORE: 'redis', NOTIFIER_REDIS_URL: redis.url, ...environment };
  const running = await startApp(own);
  nodes.push(running);
  const isReady = async () => (await Figures.of(running.url)).value('notifier_store_ready') === 1;
  await eventually(isReady, 'the node is ready');
  return running;
}

async function subscribe({ url }: RunningApp): Promise<SocketClient> {
  const client = await SocketClient.subscribe(url, { access_id: 'alice', last_event_id: null });
  clients.push(client);
  await client.until(({ hasReachedHead }) => hasReachedHead);
  return client;
}

test('the latency of a push is counted on the node that it came to, and on the others', async () => {
  const here = await node();
  const there = await node();
  await pushed(here.url, [event('alice', 0, 'before')]);
  const subscribers = [await subscribe(here), await subscribe(there)];
  const began = Date.now();
  await pushed(here.url, [event('alice', 1, 'a'), event('alice', 2, 'b')]);
  for (const client of subscribers) await client.untilEvents(2);
  const elapsedSeconds = (Date.now() - began + 1) / 1000;
  for (const { url } of [here, there]) {
    const figures = await Figures.of(url);
    expect(figures.value(`${LATENCY}_count`)).toBe(1);
    expect(figures.value(`${LATENCY}_sum`)).toBeGreaterThanOrEqual(0);
    expect(figures.value(`${LATENCY}_sum`)).toBeLessThanOrEqual(elapsedSeconds);
  }
  expect((await Figures.of(here.url)).value(`${LATENCY}_sum`)).toBeGreaterThan(0);
});

test('a push has its span of delivery on the node that it came to', async () => {
  const here = await node({ OTEL_EXPORTER_OTLP_ENDPOINT: collector.url });
  await pushed(here.url, [event('alice', 0, 'before')]);
  const client = await subscribe(here);
  await pushed(here.url, [event('alice', 1, 'a')]);
  await client.untilEvents(1);
  await nodes.pop()!.close();
  const root = collector.named('push').at(-1)!;
  const children = collector.spans.filter(({ parentSpanId }) => parentSpanId === root.spanId);
  expect(new Set(children.map(({ name }) => name))).toEqual(new Set(['store', 'deliver']));
});
