import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { eventually } from '../../test/support/wait.js';
import { HABIT, HEAD, RepeatingServer, written } from '../../test/support/repeating-server.js';

/** A request with a key, and with headers after its length. */
const withKey = (body: string) =>
  `POST /push HTTP/1.1\r\nHost: a\r\nIdempotency-Key: k\r\nContent-Length: ${body.length}\r\n` +
  `Content-Type: application/json\r\nX: x\r\n\r\n${body}`;

const withKeepAlive = (body: string) => written(body, 'Connection: keep-alive\r\n');

/** Headers of which two differ each time. */
const varied = (value: string) => `X-A: é\r\nIdempotency-Key: ${value}\r\ntraceparent: 00-${value}-01\r\n`;

let on: RepeatingServer;

beforeEach(async () => {
  on = await RepeatingServer.start();
});

afterEach(() => on.close());

describe('a connection that sends the same head again and again', () => {
  test('gives its handler what the parser would give', async () => {
    await on.settleDown((body) => written(body, varied(body)));
    await on.send(written('aaa', varied('x y')));
    expect(on.repetitions).toBe(1);
    await on.connect();
    await on.send(written('aaa', varied('x y')));
    expect(on.repetitions).toBe(1);
    expect(on.seen[3]).toEqual(on.seen[4]);
  });

  test.each([
    ['another header', written('b', 'Authorization: Bearer x\r\n')],
    [
      'its headers in another order',
      `POST /push HTTP/1.1\r\nContent-Type: application/json\r\nHost: a\r\nContent-Length: 1\r\n\r\nb`,
    ],
    ['another path', written('b').replace('/push', '/pull')],
    ['chunks', `${HEAD}Transfer-Encoding: chunked\r\n\r\n1\r\nb\r\n0\r\n\r\n`],
    ['white space around the length', written('b').replace('Length: 1', 'Length:  1 ')],
    ['zeros before the length', written('b').replace('Length: 1', 'Length: 0000000001')],
  ])('may send %s', async (_what, other) => {
    await on.settleDown();
    await on.send(written('!a'), other);
    expect(on.repetitions).toBe(1);
    await on.send(written('c'));
    expect(on.bodies).toEqual([...HABIT, '!a', 'b', 'c']);
    await on.connect();
    await on.send(other);
    expect(on.seen[4]).toEqual(on.seen[6]);
  });

  test.each([
    ['another header after the length', (text: string) => text.replace('X: x', 'X: y')],
    ['a header more at the end', (text: string) => text.replace('X: x', 'X: x\r\nY: y')],
    ['white space after its key', (text: string) => text.replace('Key: k', 'Key: k ')],
    ['white space before its key', (text: string) => text.replace('Key: k', 'Key:  k')],
    ['no key', (text: string) => text.replace('Key: k', 'Key: ')],
    ['a key of other letters', (text: string) => text.replace('Key: k', 'Key: ü')],
    ['a key that is very long', (text: string) => text.replace('Key: k', `Key: ${'k'.repeat(513)}`)],
  ])('may send %s', async (_what, change) => {
    const other = change(withKey('b'));
    await on.settleDown(withKey);
    await on.send(withKey('a'), other);
    expect(on.repetitions).toBe(1);
    await on.connect();
    await on.send(other);
    expect(on.seen[4]).toEqual(on.seen[5]);
  });

  test.each([
    ['a sign', 'Length: +1'],
    ['hexadecimal digits', 'Length: 0x1'],
    ['nothing', 'Length: '],
    ['a control character', 'Length: 1\u0001'],
    ['a digit and another header in the same line', 'Length: 1\u007fX: 1'],
  ])('is refused what the parser refuses: a length of %s', async (_what, length) => {
    on.server.on('clientError', (_error, broken) => broken.end('HTTP/1.1 400 Bad Request\r\n\r\ntrue'));
    await on.settleDown();
    await on.send(written('a'));
    await on.send(written('b').replace('Length: 1', length));
    expect(on.client.received.toString()).toMatch(/HTTP\/1\.1 400/);
    expect(on.bodies).toEqual([...HABIT, 'a']);
  });
});

describe('a connection is read by the parser', () => {
  test('where it sends head and body one after the other', async () => {
    for (const body of [...HABIT, 'a']) {
      await on.sendChunk(written(body).slice(0, -1));
      await on.send(body);
    }
    expect([on.bodies, on.repetitions]).toEqual([[...HABIT, 'a'], 0]);
  });

  test.each([
    ['it writes its heads in another form', (body: string) => written(body).replace('Host: a', 'Host:a')],
    ['it speaks an earlier HTTP', (body: string) => withKeepAlive(body).replace('HTTP/1.1', 'HTTP/1.0')],
    ['its heads differ each time', (body: string) => written(body, `Date: ${body}\r\n`)],
  ])('where %s, for good', async (_what, form) => {
    await on.settleDown(form);
    await on.send(form('a'), form('a'), form('a'), form('a'), form('a'));
    expect(on.bodies).toEqual([...HABIT, 'a', 'a', 'a', 'a', 'a']);
    expect(on.repetitions).toBe(0);
  });

  test.each([
    'Expect: 100-continue\r\n',
    'Content-Encoding: identity\r\n',
    'Idempotency-Key: a\r\nidempotency-key: b\r\n',
  ])('where it sends %j', async (more) => {
    for (const body of [...HABIT, 'a']) {
      await on.sendChunk(written(body, more));
      await eventually(() => on.bodies.at(-1) === body, 'it was read');
    }
    expect(on.repetitions).toBe(0);
  });

  test('for a request of another kind, and no longer', async () => {
    await on.settleDown();
    await on.send(
      written('a'),
      written('b').replace('/push', '/drop'),
      written('c'),
      written('d'),
      written('e'),
    );
    expect([on.bodies.slice(3).join(''), on.repetitions]).toEqual(['abcde', 2]);
  });
});
