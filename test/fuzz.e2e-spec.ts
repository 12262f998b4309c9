import { Agent, request } from 'node:http';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import * as fc from 'fast-check';
import { ConfigError, readConfig } from '../src/config.js';
import { EventLog } from '../src/notifier/event-log.js';
import { FUZZ_RUNS } from './support/fuzz.js';
import { valueText } from './support/json-texts.js';
import { framesOf, TEXT } from './support/raw-frames.js';
import { RawWebSocket } from './support/raw-websocket.js';
import { startApp, type RunningApp } from './support/start-app.js';
import { SECRET, tokenFor } from './support/tokens.js';

/** Milliseconds: 20 a case on a machine that has other things to do. */
const PATIENCE = Math.max(60_000, FUZZ_RUNS * 20);

/** One change of a text's bytes. */
interface Mutation {
  readonly kind: 'replace' | 'insert' | 'delete' | 'repeat' | 'cut';
  /** Where, from 0 to 1. */
  readonly at: number;
  readonly bytes: Uint8Array;
}

const mutation = fc.record<Mutation>({
  kind: fc.constantFrom('replace', 'insert', 'delete', 'repeat', 'cut'),
  at: fc.double({ min: 0, max: 1, noNaN: true }),
  bytes: fc.oneof(
    fc.uint8Array({ minLength: 1, maxLength: 4 }),
    fc.constantFrom(...Array.from('{}[]":,\\0 \n', (c) => Buffer.from(c))),
    fc.constantFrom('null', '1e999', '"__proto__"', '\ufeff', '\\ud800', '[[[[').map((s) => Buffer.from(s)),
  ),
});

function mutated(whole: Buffer, { kind, at, bytes }: Mutation): Buffer {
  const place = Math.floor(at * whole.length);
  const [before, after] = [whole.subarray(0, place), whole.subarray(place)];
  switch (kind) {
    case 'replace':
      return Buffer.concat([before, bytes, after.subarray(bytes.length)]);
    case 'insert':
      return Buffer.concat([before, bytes, after]);
    case 'delete':
      return Buffer.concat([before, after.subarray(bytes.length)]);
    case 'repeat':
      return Buffer.concat([whole, after]);
    case 'cut':
      return before;
  }
}

/** A text that is right, or was before a few of its bytes changed, or never was. */
function hostile(right: fc.Arbitrary<string>): fc.Arbitrary<Buffer> {
  const changed = fc
    .tuple(right, fc.array(mutation, { maxLength: 3 }))
    .map(([whole, mutations]) => mutations.reduce(mutated, Buffer.from(whole)));
  const random = fc.uint8Array({ maxLength: 64 }).map((bytes) => Buffer.from(bytes));
  return fc.oneof({ weight: 9, arbitrary: changed }, { weight: 1, arbitrary: random });
}

const accessId = fc.oneof(fc.constantFrom('client1', '__proto__', 'é', '😀'), fc.string({ maxLength: 5 }));

const eventText = fc
  .tuple(accessId, fc.oneof(fc.maxSafeInteger(), fc.double()), valueText)
  .map(([id, at, payload]) => `{"accessid":${JSON.stringify(id)},"created_at":${at},"payload":${payload}}`);

describe('whatever is sent', () => {
  let running: RunningApp;
  let stored = 0;
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });

  beforeAll(async () => {
    running = await startApp({
      NOTIFIER_AUTH: 'none',
      HOST: '127.0.0.1',
      NOTIFIER_JWT_SECRET: SECRET,
      NOTIFIER_MAX_BODY: '20000',
      NOTIFIER_MAX_BATCH: '4',
      NOTIFIER_MAX_EVENT: '1024',
    });
    const log = running.app.get(EventLog);
    const append = log.append.bind(log);
    log.append = (push) => {
      stored += push.events.length;
      return append(push);
    };
  });

  afterAll(async () => {
    agent.destroy();
    await running.close();
  });

  /** The status of a push whose body arrives in pieces. */
  async function push(body: Buffer, cuts: readonly number[], isChunked: boolean): Promise<number> {
    const headers = {
      'Content-Type': 'application/json',
      ...(!isChunked && { 'Content-Length': body.length }),
    };
    const outgoing = request(`${running.url}/push_events`, { method: 'POST', headers, agent });
    const answered = new Promise<number>((resolve, reject) => {
      outgoing.on('error', reject);
      outgoing.on('response', (response) => {
        text(response).then(() => resolve(response.statusCode!), reject);
      });
    });
    let from = 0;
    for (const cut of cuts.map((at) => Math.floor(at * body.length)).toSorted((a, b) => a - b)) {
      outgoing.write(body.subarray(from, cut));
      from = cut;
      await new Promise((resolve) => setImmediate(resolve));
    }
    outgoing.end(body.subarray(from));
    return answered;
  }

  test(
    'as a push, it is stored whole or refused whole',
    async () => {
      const pushText = fc.array(eventText, { maxLength: 6 }).map((events) => `[${events.join()}]`);
      const cuts = fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 3 });
      await fc.assert(
        fc.asyncProperty(hostile(pushText), cuts, fc.boolean(), async (body, places, isChunked) => {
          const before = stored;
          const status = await push(body, places, isChunked);
          expect([200, 400, 413]).toContain(status);
          const events = status === 200 ? (JSON.parse(body.toString()) as unknown[]).length : 0;
          expect(stored - before).toBe(events);
        }),
        { numRuns: FUZZ_RUNS },
      );
    },
    PATIENCE,
  );

  test(
    'as a first message, it subscribes or is told what is wrong',
    async () => {
      const right = tokenFor('client1');
      const token = fc.oneof(
        fc.constant(right),
        fc.constantFrom('', 'a.b.c', right.slice(0, -1), tokenFor('x')),
      );
      const members = fc.record(
        {
          access_id: fc.oneof({ weight: 3, arbitrary: fc.constant('client1') }, accessId),
          token,
          timestamp: fc.oneof(fc.maxSafeInteger(), fc.double()),
          last_event_id: fc.oneof(fc.constant(null), fc.string({ maxLength: 8 })),
        },
        { requiredKeys: [] },
      );
      const messages = hostile(members.map((message) => JSON.stringify(message)));
      await fc.assert(
        fc.asyncProperty(messages, async (message) => {
          const socket = await RawWebSocket.open(running.url, '/subscribe_to_events', {});
          socket.write(framesOf([{ op: TEXT, data: { hex: message.toString('hex') } }]));
          // A plain subscription without events says nothing: flooding ends it.
          if (!isResumable(message)) socket.write(FLOOD);
          await socket.raw.until(() => socket.closeCode !== undefined || socket.texts.length > 0);
          if (socket.texts.length > 0) expect(socket.texts[0]).toMatch(/^\{"subscribed":/);
          else expect([1007, 4005, 4013, 4500, 4501]).toContain(socket.closeCode);
          socket.destroy();
        }),
        { numRuns: FUZZ_RUNS },
      );
    },
    PATIENCE,
  );
});

const FLOOD = framesOf([{ op: TEXT, data: '', times: 60 }]);

function isResumable(message: Buffer): boolean {
  try {
    const members = JSON.parse(message.toString()) as { last_event_id?: unknown } | null;
    return members?.last_event_id !== undefined;
  } catch {
    return false;
  }
}

describe('a configuration, whatever it says', () => {
  const names = ['PORT', 'HOST'].concat(
    ['AUTH', 'JWT_SECRET', 'JWT_PUBLIC_KEY_FILE', 'JWT_JWKS_URL', 'JWT_TOLERANCE', 'AUTH_URL', 'API_KEYS']
      .concat([
        'RATE_LIMIT',
        'ALLOWED_ORIGINS',
        'TRUST_PROXY',
        'TLS_CERT',
        'TLS_KEY',
        'STORE',
        'HEARTBEAT',
        'X',
      ])
      .map((name) => `NOTIFIER_${name}`),
  );
  const value = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 40 }),
    fc.constantFrom('0', '1', '-1', '1e9', '0.5', 'none', 'true', '*', 'https://a.example', 'http://a:b@c'),
    fc.constantFrom('127.0.0.1', '0.0.0.0', '/dev/null', '/', `a:${'k'.repeat(16)}:push`, SECRET),
  );
  const environment = fc.dictionary(fc.constantFrom(...names), value, { maxKeys: 6 });

  test(
    'is taken or refused, and never opens what nothing says is meant to be open',
    () => {
      fc.assert(
        fc.property(environment, (settings) => {
          try {
            const { host, isLoopbackOnly, apiKeys, subscribers } = readConfig(settings);
            const isOpen = apiKeys.length === 0 || subscribers.by === 'nothing';
            expect(isLoopbackOnly).toBe(isOpen && settings['NOTIFIER_AUTH'] !== 'none');
            if (isLoopbackOnly) expect(host).toMatch(/^(localhost|127\.|\[?::1)/i);
          } catch (error) {
            expect(error).toBeInstanceOf(ConfigError);
            for (const mistake of (error as ConfigError).mistakes) expect(mistake).toMatch(/^\S.*\S$/);
          }
        }),
        { numRuns: FUZZ_RUNS },
      );
    },
    PATIENCE,
  );
});
