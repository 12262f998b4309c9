import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import specifications from '@asyncapi/specs';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { Ajv } from 'ajv';
import { parse } from 'yaml';
import { ruleSchema, schemaOf } from '../src/docs/member-schemas.js';
import { CLOSE_CODES } from '../src/wire/close-codes.js';
import { FirstMessage } from '../src/wire/first-message.js';
import { EventStream, type Block } from './support/event-stream.js';
import { drop, event, pushed } from './support/http.js';
import { pointer, Schemas } from './support/json-schema.js';
import { SocketClient } from './support/socket-client.js';
import { startApp, type RunningApp } from './support/start-app.js';

interface Reference {
  readonly $ref: string;
}

interface Operation {
  readonly channel: Reference;
  readonly messages: readonly Reference[];
  readonly reply?: { readonly channel: Reference; readonly messages: readonly Reference[] };
}

interface Message {
  readonly payload: Reference;
  readonly examples?: readonly { readonly payload: unknown }[];
}

interface Document {
  readonly info: { readonly version: string };
  readonly channels: Readonly<Record<string, { readonly messages: Readonly<Record<string, Reference>> }>>;
  readonly operations: Readonly<Record<string, Operation>>;
  readonly components: {
    readonly messages: Readonly<Record<string, Message>>;
    readonly schemas: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
    readonly 'x-close-codes': readonly { readonly code: number; readonly reason: string }[];
  };
}

const ROOT = join(import.meta.dirname, '..');

/** Sent by the WebSocket library, for reasons of RFC 6455. */
const OF_THE_LIBRARY = [1002, 1007, 1008, 1009];

let document: Document;
let schemas: Schemas;

beforeAll(async () => {
  document = parse(await readFile(join(ROOT, 'docs/asyncapi.yaml'), 'utf8')) as Document;
  schemas = new Schemas(document);
});

/** What is wrong with a message of that name. */
function faults(name: string, payload: unknown): string[] {
  return schemas.faults(pointer('components', 'messages', name, 'payload'), payload);
}

/** The names of the messages that an operation has. */
function namesOf(messages: readonly Reference[]): string[] {
  return messages.map(({ $ref }) => $ref.split('/').at(-1)!);
}

/** Which of the messages of an operation a text is. */
function kindsOf(operation: string, payload: unknown): string[] {
  const { messages, reply } = document.operations[operation]!;
  return namesOf(reply?.messages ?? messages).filter((name) => faults(name, payload).length === 0);
}

function references(value: unknown): string[] {
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, inner]) =>
    key === '$ref' ? [inner as string] : references(inner),
  );
}

describe('docs/asyncapi.yaml', () => {
  test('is an AsyncAPI document', () => {
    const ajv = new Ajv({ strict: false, allErrors: true, validateFormats: false });
    const schema: object = specifications.schemasWithoutId['3.0.0'];
    const validate = ajv.compile(schema);
    expect([validate(document), validate.errors]).toEqual([true, null]);
  });

  test('refers to what is there', () => {
    for (const reference of references(document)) {
      const [, ...names] = reference.split('/');
      const found = names.reduce<unknown>(
        (at, name) => (at as Record<string, unknown> | undefined)?.[name],
        document,
      );
      expect([reference, typeof found]).toEqual([reference, 'object']);
    }
  });

  test('has every message in an operation of its channel', () => {
    for (const [channel, { messages }] of Object.entries(document.channels)) {
      const operations = Object.values(document.operations).filter(
        (operation) => operation.channel.$ref === `#/channels/${channel}`,
      );
      const used = operations.flatMap(({ messages, reply }) => [...messages, ...(reply?.messages ?? [])]);
      expect(namesOf(used).sort()).toEqual(Object.keys(messages).sort());
    }
  });

  test('has examples that are what they are examples of', () => {
    for (const [name, { examples = [] }] of Object.entries(document.components.messages)) {
      for (const { payload } of examples) expect([name, faults(name, payload)]).toEqual([name, []]);
    }
  });

  test('has the close codes of the server, with the words that each reason begins with', () => {
    const codes = document.components['x-close-codes'];
    const own = codes.filter(({ code }) => !OF_THE_LIBRARY.includes(code));
    expect(Object.fromEntries(own.map(({ code, reason }) => [reason, code]))).toEqual(CLOSE_CODES);
    expect(codes.filter(({ reason }) => reason === '').map(({ code }) => code)).toEqual(OF_THE_LIBRARY);
  });

  test('says of members what the checks say, and is of this version', async () => {
    const { AccessId, Timestamp } = document.components.schemas;
    expect(AccessId).toEqual({ ...ruleSchema('isAccessId'), description: AccessId!['description'] });
    expect(Timestamp).toEqual({ ...ruleSchema('isTimestamp'), description: Timestamp!['description'] });
    const members = Object.keys(schemaOf(FirstMessage).properties!);
    expect(Object.keys(document.components.schemas['FirstMessage']!['properties']!)).toEqual(members);
    const { version } = JSON.parse(await readFile(join(ROOT, 'package.json'), 'utf8')) as { version: string };
    expect(document.info.version).toBe(version);
  });
});

describe('what the server sends is what docs/asyncapi.yaml says', () => {
  let running: RunningApp;
  let url: string;

  beforeAll(async () => {
    running = await startApp({
      NOTIFIER_HEARTBEAT: '1',
      NOTIFIER_SUBSCRIBE_TIMEOUT: '3',
      NOTIFIER_MAX_CONNECTIONS_PER_USER: '2',
    });
    ({ url } = running);
  });

  afterAll(() => running.close());

  async function subscribed(first: object): Promise<SocketClient> {
    expect(faults('subscribe', first)).toEqual([]);
    return SocketClient.subscribe(url, first);
  }

  test('in the plain form', async () => {
    await pushed(url, [event('plain', 1, 'x'), event('plain', 2, null)]);
    const client = await subscribed({ access_id: 'plain', timestamp: 0 });
    await client.untilEvents(2);
    for (const message of client.messages) expect(kindsOf('deliver', message)).toEqual(['events']);
    await client.close();
  });

  test('in the resumable form, a gap and the heartbeat of a silent connection included', async () => {
    await pushed(url, [event('resumable', 1, { deep: [1.5, 'é'] })]);
    const client = await subscribed({ access_id: 'resumable', last_event_id: null, timestamp: 0 });
    await client.until(({ texts }) => texts.filter((text) => text === '[]').length >= 2);
    const kinds = client.messages.map((message) => kindsOf('deliver', message));
    expect(kinds.slice(0, 4)).toEqual([['subscribed'], ['eventsWithIds'], ['silence'], ['silence']]);
    await client.close();
    const late = await subscribed({ access_id: 'resumable', last_event_id: 'Zm9vYmFy.9.1' });
    await late.until((one) => one.hasReachedHead);
    expect(late.subscribed()?.recovered).toBe(false);
    for (const message of late.messages) expect(kindsOf('deliver', message)).toHaveLength(1);
    await late.close();
  });

  test('to a connector that pushes over a WebSocket', async () => {
    const client = await SocketClient.connect(`${url}/push_events`);
    const keyed = { idempotency_key: 'key 1', events: [event('pushed', 1, 1)] };
    const messages: [name: string, message: object, kind: string][] = [
      ['push', [event('pushed', 1, 1)], 'stored'],
      ['push', [], 'stored'],
      ['keyedPush', keyed, 'stored'],
      ['keyedPush', { ...keyed, events: [] }, 'refused'],
    ];
    for (const [name, message] of messages) {
      expect([message, faults(name, message)]).toEqual([message, []]);
      client.send(message);
    }
    // What the document does not have is refused.
    const broken = [
      [event('', 1, 1)],
      [event('a', 1.5, 1)],
      { events: [] },
      { idempotency_key: '', events: [] },
    ];
    for (const message of broken) {
      expect([...faults('push', message), ...faults('keyedPush', message)]).not.toEqual([]);
      client.send(message);
    }
    await client.until(({ texts }) => texts.length >= messages.length + broken.length);
    const kinds = client.messages.map((message) => kindsOf('takePush', message));
    expect(kinds).toEqual([...messages.map(([, , kind]) => [kind]), ...broken.map(() => ['refused'])]);
    await client.close();
  });

  test('over an event stream', async () => {
    await pushed(url, [event('stream', 1, 'x')]);
    const stream = await EventStream.open(url, { access_id: 'stream', timestamp: '0', last_event_id: '' });
    const heard = [await stream.next(), await stream.next()];
    await drop(url, 'stream');
    heard.push(await stream.next());
    const kinds = heard.map((block) => kindsOf('deliverByStream', JSON.parse(block!.data)));
    expect(kinds).toEqual([['streamSubscribed'], ['streamEvent'], ['streamClose']]);
    expect((heard as Block[]).map(({ fields }) => fields['event'])).toEqual([
      'subscribed',
      undefined,
      'close',
    ]);
    expect(await stream.next()).toBeUndefined();
    expectCode(JSON.parse(heard[2]!.data) as { code: number; reason: string });
  });

  /** A code of the document, with a reason that begins with its words. */
  function expectCode({ code, reason }: { code: number; reason: string }): void {
    const found = document.components['x-close-codes'].find((one) => one.code === code);
    expect([code, reason.startsWith(found?.reason ?? 'unknown')]).toEqual([code, true]);
  }

  test.each([
    ['no object', '[]'],
    ['no user', { timestamp: 1 }],
    ['neither a timestamp nor a position', { access_id: 'a' }],
    ['a timestamp that is a string', { access_id: 'a', timestamp: '1' }],
    ['a position that is a number', { access_id: 'a', last_event_id: 1 }],
  ])('to a first message that the document does not have: %s', async (_name, first) => {
    expect(faults('subscribe', typeof first === 'string' ? JSON.parse(first) : first)).not.toEqual([]);
    const client = await SocketClient.connect(url);
    client.send(first);
    const closed = await client.closed();
    expect([closed.code, client.texts]).toEqual([4501, []]);
    expectCode(closed);
  });

  test('in the closes of a session', async () => {
    const first = { access_id: 'closed', last_event_id: null };
    const clients: SocketClient[] = [];
    for (let i = 0; i < 3; i++) {
      clients.push(await subscribed(first));
      await clients[i]!.until((client) => client.hasReachedHead);
    }
    const silent = await SocketClient.connect(url);
    const binary = await SocketClient.connect(url);
    binary.ws.send(Buffer.from('x'), { binary: true });
    await clients[0]!.closed();
    await drop(url, 'closed');
    const closes = await Promise.all([...clients, silent, binary].map((client) => client.closed()));
    expect(closes.map(({ code }) => code)).toEqual([4504, 4503, 4503, 4002, 1003]);
    for (const close of closes) expectCode(close);
  });
});
