import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { event, get, json, push, send } from './support/http.js';
import { startApp, type RunningApp } from './support/start-app.js';

let running: RunningApp;

beforeEach(async () => {
  running = await startApp();
});

afterEach(() => running.close());

test.each(['/clients', '/health/live', '/subscribe_to_events', '/no/such/path'])(
  'what a browser may read at %s says what it must not do with it',
  async (path) => {
    const { headers } = await get(running.url, path);
    expect(headers).toMatchObject({
      'x-content-type-options': 'nosniff',
      'x-frame-options': 'DENY',
      'referrer-policy': 'no-referrer',
      'cross-origin-resource-policy': 'same-origin',
    });
    expect(String(headers['content-security-policy']).split(';').toSorted()).toEqual([
      "base-uri 'none'",
      "default-src 'self'",
      "form-action 'self'",
      "frame-ancestors 'none'",
      "img-src 'self' data:",
      "object-src 'none'",
      "style-src 'self' 'unsafe-inline'",
    ]);
    // Over plain HTTP it would promise what this server does not keep.
    expect(headers['strict-transport-security']).toBeUndefined();
    expect(headers['x-powered-by']).toBeUndefined();
  },
);

test('what is asked for in vain is not repeated in the answer', async () => {
  const answer = await get(running.url, '/no/such/path');
  expect(json(answer)).toEqual({ statusCode: 404, error: 'Not Found', message: 'no such path' });
});

test('no page of another origin may read who is connected', async () => {
  const { headers } = await get(running.url, '/clients', { Origin: 'https://evil.example' });
  expect(Object.keys(headers).filter((name) => name.startsWith('access-control-'))).toEqual([]);
});

test('no page of another origin may push: its browser asks first, and is not allowed', async () => {
  const answer = await send(running.url, '/push_events', {
    method: 'OPTIONS',
    headers: {
      Origin: 'https://evil.example',
      'Access-Control-Request-Method': 'POST',
      'Access-Control-Request-Headers': 'content-type',
    },
  });
  expect(answer.headers['access-control-allow-origin']).toBeUndefined();
  // What needs no asking is refused for its type.
  const simple = await push(running.url, [event('a', 1, 'x')], { 'Content-Type': 'text/plain' });
  expect(simple.status).toBe(415);
});
