import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import * as fc from 'fast-check';
import { RepeatedRequest } from './repeated-request.js';
import { HABIT, HEAD, RepeatingServer, written } from '../../test/support/repeating-server.js';

let on: RepeatingServer;

beforeEach(async () => {
  on = await RepeatingServer.start();
});

afterEach(() => on.close());

describe('a connection that sends the same head again and again', () => {
  test('is read without the parser from its fourth request on', async () => {
    await on.settleDown();
    expect(on.repetitions).toBe(0);
    await on.send(written('a'), written('bb'));
    expect(on.repetitions).toBe(2);
    expect(on.bodies).toEqual([...HABIT, 'a', 'bb']);
    expect(on.answers).toEqual(['true', 'true', 'true', 'true', 'true']);
  });

  test('has the memory of no body once it has been read', async () => {
    await on.settleDown();
    await on.send(written('a'));
    expect(on.last).toBeInstanceOf(RepeatedRequest);
    expect((on.last as RepeatedRequest).takeWhole()).toBeUndefined();
  });

  test('is answered with errors as ever, and goes on', async () => {
    await on.settleDown();
    await on.send(written('a'), written('!b'), written('c'), written('x'.repeat(1001)), written('d'));
    expect(on.answers.slice(3)).toEqual(['true', '!b', 'true', 'body must be at most 1000 bytes', 'true']);
    expect(on.repetitions).toBe(5);
    expect(on.client.received.toString()).not.toMatch(/^Connection: close/m);
  });

  test('is answered in the order of its requests, however early they come', async () => {
    await on.settleDown();
    on.gates.close('answer');
    await on.sendChunk(written('a'));
    await on.sendChunk(written('!b'));
    on.client.write(written('c') + written('d'));
    await on.gates.reached('answer');
    on.gates.open('answer');
    await on.untilAnswers(7);
    expect(on.answers.slice(3)).toEqual(['true', '!b', 'true', 'true']);
    expect(on.bodies.slice(3)).toEqual(['a', '!b', 'c', 'd']);
  });

  test('is answered in that order also while it settles down', async () => {
    await on.sendChunk(HABIT.map((body) => written(body)).join(''));
    await on.untilAnswers(3);
    on.gates.close('answer');
    await on.sendChunk(written('a'));
    await on.sendChunk(written('!b'));
    on.gates.open('answer');
    await on.untilAnswers(5);
    expect(on.bodies).toEqual([...HABIT, 'a', '!b']);
    expect(on.answers.slice(3)).toEqual(['true', '!b']);
    expect(on.repetitions).toBe(1);
  });

  test('is not read further while it waits for an answer', async () => {
    await on.settleDown();
    on.gates.close('answer');
    await on.sendChunk(written('a'));
    await on.sendChunk(written('b'));
    expect(on.socket.isPaused()).toBe(true);
    on.gates.open('answer');
    await on.untilAnswers(5);
    expect(on.socket.isPaused()).toBe(false);
  });

  test('is among the idle ones that are closed, unless it waits for an answer', async () => {
    await on.settleDown();
    on.gates.close('answer');
    await on.sendChunk(written('a'));
    expect(on.repetitions).toBe(1);
    on.server.closeIdleConnections();
    expect(on.socket.destroyed).toBe(false);
    on.gates.open('answer');
    await on.untilAnswers(4);
    on.server.closeIdleConnections();
    expect(on.socket.destroyed).toBe(true);
  });
});

describe('where the head of a request is in truth the value of a header of another', () => {
  const asHeader = expect.objectContaining({
    headers: expect.objectContaining({ x: 'POST /push HTTP/1.1' }),
  });

  test('it is taken for that', async () => {
    await on.settleDown();
    await on.send(written('a'));
    await on.sendChunk(`${HEAD}X: `);
    await on.send(written('b'));
    expect(on.seen).toEqual([...Array.from({ length: 4 }, () => expect.anything()), asHeader]);
    expect(on.repetitions).toBe(1);
  });

  test('it is taken for that also if the other one had begun before the connection had settled down', async () => {
    await on.send(written('1'));
    on.gates.close('answer');
    await on.sendChunk(written('2'));
    await on.sendChunk(`${HEAD}X: `);
    on.gates.open('answer');
    await on.untilAnswers(2);
    await on.send(written('3'), written('a'));
    expect(on.seen[2]).toEqual(asHeader);
    expect(on.bodies).toEqual(['1', '2', '3', 'a']);
    expect(on.repetitions).toBe(0);
  });
});

test('where it is in truth part of a body it is taken for that', async () => {
  await on.send(written('1'));
  on.gates.close('answer');
  await on.sendChunk(written('2'));
  const inner = written('x');
  await on.sendChunk(`${HEAD}Content-Length: ${inner.length + 1}\r\n\r\n`);
  on.gates.open('answer');
  await on.untilAnswers(2);
  await on.sendChunk(inner);
  await on.send('.');
  expect(on.bodies).toEqual(['1', '2', `${inner}.`]);
});

/** A request, and what of it must be seen. */
interface Sent {
  readonly text: string;
  readonly body: string;
  readonly x: string | undefined;
}

const inChunks = (body: string) =>
  `${HEAD}Transfer-Encoding: chunked\r\n\r\n${body && `${body.length.toString(16)}\r\n${body}\r\n`}0\r\n\r\n`;

const FORMS: readonly ((body: string) => Omit<Sent, 'body'>)[] = [
  (body) => ({ text: written(body, 'Idempotency-Key: k\r\n'), x: undefined }),
  (body) => ({ text: written(body, 'X: x\r\n'), x: 'x' }),
  (body) => ({ text: written(body).replace('/push', '/drop'), x: undefined }),
  (body) => ({ text: written(body).replace('Host: a', 'host:  a'), x: undefined }),
  (body) => ({ text: inChunks(body), x: undefined }),
];

const someBody = fc.oneof(
  fc.constantFrom('', '!', '\r\n\r\n', written('z')),
  fc.string({ unit: 'grapheme-ascii', maxLength: 20 }),
);

const someRequest: fc.Arbitrary<Sent> = fc.oneof(
  { weight: 9, arbitrary: someBody.map((body) => ({ text: written(body), body, x: undefined })) },
  fc.tuple(fc.constantFrom(...FORMS), someBody).map(([form, body]) => ({ ...form(body), body })),
);

/** Where a request is cut in two, if anywhere. */
const someCut = fc.option(fc.nat({ max: 200 }), { freq: 2, nil: undefined });

function piecesOf(requests: readonly Sent[], cuts: readonly (number | undefined)[]): string[] {
  const cutAt = requests.flatMap(({ text }, i) => {
    const cut = cuts[i % cuts.length];
    return cut === undefined ? [text] : [text.slice(0, cut), text.slice(cut)];
  });
  return cutAt.filter(Boolean);
}

test('whatever a connection sends, in whatever pieces, is seen as it was sent and answered in its turn', async () => {
  let sent = 0;
  await fc.assert(
    fc.asyncProperty(
      fc.array(someRequest, { minLength: 1, maxLength: 12 }),
      fc.array(someCut, { minLength: 1, maxLength: 5 }),
      fc.boolean(),
      async (requests, cuts, isPatient) => {
        await on.connect();
        on.seen = [];
        for (const piece of piecesOf(requests, cuts)) {
          const { length } = on.answers;
          await on.sendChunk(piece);
          const isWhole = requests.some(({ text }) => text === piece);
          if (isPatient && isWhole) await on.untilAnswers(length + 1);
        }
        await on.untilAnswers(requests.length);
        expect(on.seen.map(({ body, headers }) => [body, headers['x']])).toEqual(
          requests.map(({ body, x }) => [body, x]),
        );
        expect(on.answers).toEqual(requests.map(({ body }) => (body.startsWith('!') ? body : 'true')));
        sent += requests.length;
      },
    ),
    { numRuns: 300 },
  );
  // A test of the parser alone would say little.
  expect(on.repetitions).toBeGreaterThan(sent / 20);
});
