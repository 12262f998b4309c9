import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { event, pushed } from './support/http.js';
import { EventStream } from './support/event-stream.js';
import { startApp, type RunningApp } from './support/start-app.js';
import { SECRET, secondsFromNow, token, tokenFor } from './support/tokens.js';

let running: RunningApp;
const streams: EventStream[] = [];

beforeEach(async () => {
  running = await startApp({
    NOTIFIER_AUTH: 'none',
    HOST: '127.0.0.1',
    NOTIFIER_JWT_SECRET: SECRET,
    NOTIFIER_JWT_TOLERANCE: '0',
  });
  await pushed(running.url, [event('client1', 1, 'mine')]);
});

afterEach(async () => {
  for (const stream of streams.splice(0)) stream.close();
  await running.close();
});

async function open(query: Record<string, string>, headers: Record<string, string> = {}) {
  const stream = await EventStream.open(running.url, { timestamp: '0', ...query }, headers);
  streams.push(stream);
  return stream;
}

function bearer(text: string): Record<string, string> {
  return { Authorization: `Bearer ${text}` };
}

test('a stream begins with a token of its user, in the header or the query', async () => {
  const right = tokenFor('client1');
  for (const stream of [
    await open({ access_id: 'client1' }, bearer(right)),
    await open({ access_id: 'client1', token: right }),
    await open({ token: right }),
    await open({ token: 'nonsense' }, bearer(right)),
  ]) {
    expect(stream.status).toBe(200);
    expect((await stream.next())!.data).toContain('"mine"');
  }
});

test('a stream without a token, or with a wrong one, is answered 401', async () => {
  const expired = token({ sub: 'client1', exp: secondsFromNow(-60) });
  for (const stream of [
    await open({ access_id: 'client1' }),
    await open({ access_id: 'client1', token: tokenFor('client2') }),
    await open({ access_id: 'client1' }, bearer('nonsense')),
    await open({ access_id: 'client1', token: expired }),
    await open({}),
    await open({ token: tokenFor('a\nb') }),
  ]) {
    expect(stream.status).toBe(401);
    expect(stream.headers['www-authenticate']).toBe('Bearer');
  }
});

test('a stream whose token runs out is told so and ended', async () => {
  const stream = await open({ token: tokenFor('client1', { exp: secondsFromNow(4) }) });
  expect((await stream.next())!.data).toContain('"mine"');
  const close = (await stream.next())!;
  expect([close.fields['event'], close.data]).toEqual(['close', '{"code":4005,"reason":"token expired"}']);
});
