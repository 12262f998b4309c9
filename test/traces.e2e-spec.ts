import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { BUILD_MS, builtEntry } from './support/build.js';
import { Collector, type ReceivedSpan } from './support/collector.js';
import { event, push, pushed } from './support/http.js';
import { SocketClient } from './support/socket-client.js';
import { startApp, type RunningApp } from './support/start-app.js';
import { startServer } from './support/start-server.js';
import { STORES, TestStore } from './support/test-store.js';
import { eventually } from './support/wait.js';

const USER = 'an-id-that-nobody-else-has';
const RESUMABLE = { access_id: USER, timestamp: 0, last_event_id: null };

const attributesOf = (span: ReceivedSpan) =>
  Object.fromEntries(span.attributes.map(({ key, value }) => [key, Object.values(value)[0]]));

const nanos = (span: ReceivedSpan) => [BigInt(span.startTimeUnixNano), BigInt(span.endTimeUnixNano)] as const;

describe.each(STORES)('the spans of a push, with the store %s,', (name) => {
  let store: TestStore;
  let collector: Collector;
  let running: RunningApp;

  beforeEach(async () => {
    store = new TestStore(name);
    collector = await Collector.start();
    const environment = { ...store.environment, OTEL_EXPORTER_OTLP_ENDPOINT: collector.url };
    running = await startApp(environment);
    await pushed(running.url, [event(USER, 0, 'before')]);
  });

  afterEach(async () => {
    await running.close();
    collector.close();
    store.remove();
  });

  /** Closing sends what waits. */
  async function collected(): Promise<void> {
    await running.close();
  }

  test('follow it from its arrival through the store to the sockets', async () => {
    const clients = [await subscribe(), await subscribe()];
    await pushed(running.url, [event(USER, 1, 'a'), event(USER, 2, 'b')]);
    for (const client of clients) await client.untilEvents(3);
    await collected();
    expect(new Set(collector.paths)).toEqual(new Set(['POST /v1/traces']));
    const [, root] = collector.named('push');
    const children = collector.spans.filter(({ parentSpanId }) => parentSpanId === root!.spanId);
    // Both connections got the same frame.
    expect(children.map((span) => span.name)).toEqual(['store', 'deliver']);
    const [stored, delivered] = children;
    expect(new Set([root, stored, delivered].map((span) => span!.traceId)).size).toBe(1);
    expect(attributesOf(root!)).toEqual({ 'notifier.events': 2, 'notifier.result': 'stored' });
    expect(attributesOf(delivered!)).toEqual({ 'notifier.events': 2, 'notifier.form': 'resumable' });
    expect(nanos(root!)[0]).toBeLessThanOrEqual(nanos(stored!)[0]);
    expect(nanos(stored!)[1]).toBe(nanos(root!)[1]);
    expect(nanos(delivered!)[0]).toBe(nanos(stored!)[1]);
    expect(nanos(delivered!)[1]).toBeGreaterThanOrEqual(nanos(delivered!)[0]);
  });

  test('say that a push was refused, and nothing more', async () => {
    expect((await push(running.url, '[{}]')).status).toBe(400);
    await collected();
    const [, refused] = collector.named('push');
    expect(refused).toMatchObject({ status: { code: 2 }, attributes: [] });
    expect(collector.named('store')).toHaveLength(1);
  });

  test('name the service, and nobody for whom an event is', async () => {
    const client = await subscribe();
    await client.untilEvents(1);
    await collected();
    const text = JSON.stringify(collector.exports);
    expect(text).toContain('{"key":"service.name","value":{"stringValue":"notifier"}}');
    expect(text).not.toContain(USER);
    expect(text).not.toContain('before');
  });

  async function subscribe(): Promise<SocketClient> {
    const client = await SocketClient.subscribe(running.url, RESUMABLE);
    await client.until(({ hasReachedHead }) => hasReachedHead);
    return client;
  }
});

/** Starts the built server in a process of its own, ends it, and tells which packages of OpenTelemetry's it had loaded. */
const LOADED = `
  import { createRequire } from 'node:module';
  process.once('exit', () => {
    const paths = Object.keys(createRequire(import.meta.url).cache);
    const names = paths.map((path) => /@opentelemetry.([a-z-]+)/.exec(path)?.[1]).filter(Boolean);
    console.log(JSON.stringify([...new Set(names)]));
  });
  const write = process.stdout.write.bind(process.stdout);
  process.stdout.write = (text, ...rest) => {
    if (String(text).startsWith('notifier listening')) process.kill(process.pid, 'SIGTERM');
    return write(text, ...rest);
  };
  await import(process.env.ENTRY);
`;

async function loadedPackages(environment: Readonly<Record<string, string>>): Promise<string[]> {
  const ENTRY = await builtEntry();
  const { PATH = '' } = process.env;
  const env = {
    PATH,
    ENTRY,
    PORT: '0',
    NOTIFIER_STORE: 'memory',
    NOTIFIER_LOG_LEVEL: 'silent',
    ...environment,
  };
  const run = promisify(execFile);
  const { stdout } = await run(process.execPath, ['--input-type=module', '-e', LOADED], { env });
  return JSON.parse(stdout.trim().split('\n').at(-1)!) as string[];
}

describe("OpenTelemetry's SDK", () => {
  // Building takes long on a busy machine.
  beforeAll(async () => {
    await builtEntry();
  }, 120_000);

  test('is loaded where spans have somewhere to go, and nowhere else', async () => {
    // prom-client asks for the interface, which is nothing without an SDK.
    expect(await loadedPackages({})).toEqual(['api']);
    const loaded = await loadedPackages({ OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:9' });
    expect(loaded).toEqual(expect.arrayContaining(['sdk-trace-base', 'exporter-trace-otlp-http']));
  });
});

test(
  'a collector that cannot be reached is said once, and events go on',
  async () => {
    const server = await startServer({
      OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:9',
      OTEL_BSP_SCHEDULE_DELAY: '10',
      OTEL_EXPORTER_OTLP_TIMEOUT: '200',
    });
    await pushed(server.url, [event(USER, 1, 'a')]);
    const line = 'spans are lost: http://127.0.0.1:9/v1/traces does not take them (';
    await eventually(() => server.stderr.includes(line), 'it says so');
    await pushed(server.url, [event(USER, 2, 'b')]);
    expect(await server.stop()).toEqual({ code: 0, signal: null });
    expect(server.stderr.split('spans are lost')).toHaveLength(2);
  },
  BUILD_MS,
);
