import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { pushed } from './support/http.js';
import { SocketClient } from './support/socket-client.js';
import { startApp, type RunningApp } from './support/start-app.js';

const PAYLOADS = [
  '1.0',
  '12345678901234567890',
  '1E400',
  '-0',
  '"\\u00e9"',
  '"é"',
  '"\\/\\ud83d\\ude00"',
  '{"b":1,"a":2,"10":3,"9":4}',
  '{ "a" :\t[ 1 ,\r\n2 ] }',
  '{"a":1,"a":2}',
  '{"__proto__":{"polluted":true}}',
  'null',
  '[]',
  '""',
];

const created = (i: number) => i + 1;

/** The events as they are pushed, with white space that belongs to nobody around each payload. */
const BODY = `[${PAYLOADS.map(
  (payload, i) => `{"created_at": ${created(i)}.0, "payload" : ${payload} , "accessid":"\\u00fc"}`,
).join(' ,\n')}]`;

const delivered = (payload: string, i: number) =>
  `"accessid":"ü","created_at":${created(i)},"payload":${payload}}`;

const PLAIN = `[${PAYLOADS.map((payload, i) => `{${delivered(payload, i)}`).join()}]`;

describe('the text of a payload arrives byte for byte', () => {
  let running: RunningApp;

  beforeAll(async () => {
    running = await startApp();
  });

  afterAll(() => running.close());

  function expectResumable(client: SocketClient): void {
    const ids = client.ids();
    const events = PAYLOADS.map((payload, i) => `{"id":"${ids[i]}",${delivered(payload, i)}`);
    expect(client.texts.find((text) => text.length > 2 && text.startsWith('['))).toBe(`[${events.join()}]`);
    expect(new Set(ids).size).toBe(PAYLOADS.length);
  }

  test('live, in the plain and the resumable form', async () => {
    const plain = await SocketClient.subscribe(running.url, { access_id: 'ü', timestamp: 0 });
    const resumable = await SocketClient.subscribe(running.url, { access_id: 'ü', last_event_id: null });
    await resumable.until(({ hasReachedHead }) => hasReachedHead);
    await pushed(running.url, BODY);
    await plain.untilEvents(PAYLOADS.length);
    await resumable.untilEvents(PAYLOADS.length);
    expect(plain.texts).toEqual([PLAIN]);
    expectResumable(resumable);
  });

  test('replayed, in the plain and the resumable form', async () => {
    const plain = await SocketClient.subscribe(running.url, { access_id: 'ü', timestamp: 0 });
    const first = { access_id: 'ü', last_event_id: null, timestamp: 0 };
    const resumable = await SocketClient.subscribe(running.url, first);
    await plain.untilEvents(PAYLOADS.length);
    await resumable.untilEvents(PAYLOADS.length);
    expect(plain.texts).toEqual([PLAIN]);
    expectResumable(resumable);
  });

  test('and pollutes nothing', () => {
    expect(({} as { polluted?: boolean }).polluted).toBeUndefined();
  });
});
