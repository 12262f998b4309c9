import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { causeOf } from './cause.js';

/** How asking `url` fails. */
async function failureOf(url: string, signal?: AbortSignal): Promise<unknown> {
  return fetch(url, { signal: signal ?? null }).then(
    () => undefined,
    (error: unknown) => error,
  );
}

describe('why a request failed', () => {
  const silent = createServer();
  let url: string;

  beforeEach(async () => {
    silent.listen(0, '127.0.0.1');
    await once(silent, 'listening');
    url = `http://127.0.0.1:${(silent.address() as AddressInfo).port}`;
  });

  afterEach(() => void silent.close());

  it('is the code of the system where nobody listens', async () => {
    silent.close();
    await once(silent, 'close');
    expect(causeOf(await failureOf(url))).toBe('ECONNREFUSED');
  });

  it('is said in words where there is no answer in time', async () => {
    expect(causeOf(await failureOf(url, AbortSignal.timeout(1)))).toMatch(/timeout/);
  });

  it('is said in words where it may not be asked at all', async () => {
    expect(causeOf(await failureOf('http://127.0.0.1:1/'))).toBe('bad port');
  });
});

describe('why something failed', () => {
  it('is that of the first of several tries', () => {
    const tries = [Object.assign(new Error('at length'), { code: 'EHOSTUNREACH' }), new Error('another')];
    expect(causeOf(new AggregateError(tries))).toBe('EHOSTUNREACH');
  });

  it.each([
    [{ code: 503, message: 'at length' }, '503'],
    [new Error('in words'), 'in words'],
    [new Error('fetch failed', { cause: new Error('') }), 'no reason is known'],
    [undefined, 'no reason is known'],
  ])('of %j is "%s"', (error, cause) => {
    expect(causeOf(error)).toBe(cause);
  });
});
