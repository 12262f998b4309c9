import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import * as fc from 'fast-check';
import { SocketClient } from '../../test/support/socket-client.js';
import type { Form } from '../notifier/connection.js';
import { Delivery, MAX_FRAME_BYTES } from '../notifier/delivery.js';
import { byteString } from '../notifier/event.js';
import type { StoredEvent } from '../notifier/event-log.js';
import type { PassingBytes } from '../wire/socket-writer.js';
import { frameOf, passingFrame, textFrame } from './frame.js';

/** RFC 6455, section 1.3. */
const GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';

function delivery(texts: readonly string[], form: Form): Delivery {
  const all = texts.map((text, seq) => ({ seq, tag: 1, createdAt: 1, text: byteString(`{${text}}`) }));
  return new Delivery(form, 'AAAAAAAA', all);
}

function standing({ bytes, length }: PassingBytes): Buffer {
  return Buffer.from(bytes.subarray(0, length));
}

describe('a frame', () => {
  let server: Server;
  let client: SocketClient;
  let socket: Duplex;

  /** A handshake by hand: between the frames here and the receiver of ws is nothing but a socket. */
  beforeAll(async () => {
    server = createServer().listen(0, '127.0.0.1');
    server.on('upgrade', (request, upgraded: Duplex) => {
      socket = upgraded;
      const key = createHash('sha1').update(`${request.headers['sec-websocket-key']}${GUID}`);
      const lines = ['HTTP/1.1 101 Switching Protocols', 'Upgrade: websocket', 'Connection: Upgrade'];
      socket.write([...lines, `Sec-WebSocket-Accept: ${key.digest('base64')}`, '', ''].join('\r\n'));
    });
    await once(server, 'listening');
    client = await SocketClient.connect(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  });

  afterAll(async () => {
    await client.terminate();
    socket.destroy();
    server.close();
  });

  async function received(frame: Buffer): Promise<string> {
    const count = client.texts.length + 1;
    socket.write(frame);
    await client.until(({ texts, closeCode }) => texts.length === count || closeCode !== undefined);
    return client.texts.at(-1)!;
  }

  test.each([0, 1, 125, 126, 127, 65_535, 65_536, 1_000_000])(
    'of %d bytes is read by ws as it was meant',
    async (length) => {
      const text = 'x'.repeat(length);
      expect(await received(textFrame(text))).toBe(text);
    },
  );

  test('carries any text', async () => {
    await fc.assert(
      fc.asyncProperty(fc.string({ unit: 'grapheme', maxLength: 300, size: 'max' }), async (text) => {
        expect(await received(textFrame(byteString(text)))).toBe(text);
      }),
    );
  });

  const events: StoredEvent[] = ['1.0', '"é"', '{"a" : 1E400}'].map((payload, i) => ({
    seq: i + 7,
    tag: i + 40,
    createdAt: i,
    text: byteString(`{"accessid":"ü","created_at":${i},"payload":${payload}}`),
  }));

  test('of a plain delivery is an array of the events as they were pushed', async () => {
    expect(await received(frameOf(new Delivery('plain', 'AAAAAAAA', events)))).toBe(
      '[{"accessid":"ü","created_at":0,"payload":1.0},{"accessid":"ü","created_at":1,"payload":"é"},' +
        '{"accessid":"ü","created_at":2,"payload":{"a" : 1E400}}]',
    );
    expect(await received(frameOf(new Delivery('plain', 'AAAAAAAA', events.slice(0, 1))))).toBe(
      '[{"accessid":"ü","created_at":0,"payload":1.0}]',
    );
  });

  test('of a resumable delivery has the id of each event before its other members', async () => {
    expect(await received(frameOf(new Delivery('resumable', 'AAAAAAAA', events.slice(1))))).toBe(
      '[{"id":"AAAAAAAA.8.15","accessid":"ü","created_at":1,"payload":"é"},' +
        '{"id":"AAAAAAAA.9.16","accessid":"ü","created_at":2,"payload":{"a" : 1E400}}]',
    );
  });

  test('is made once for all connections that share the delivery', () => {
    const delivery = new Delivery('plain', 'AAAAAAAA', events);
    expect(frameOf(delivery)).toBe(frameOf(delivery));
  });

  describe('that passes', () => {
    const textsOf = fc.array(fc.string({ maxLength: 40_000, size: 'max' }), { minLength: 1, maxLength: 6 });
    const deliveries = fc.array(fc.tuple(textsOf, fc.constantFrom<Form>('plain', 'resumable')), {
      minLength: 2,
    });

    test('is the frame, until the next one passes, and stays where it is kept', () => {
      fc.assert(
        fc.property(deliveries, (all) => {
          const frames = all.map(([texts, form]) => {
            const passed = delivery(texts, form);
            const once = standing(passingFrame(passed)!);
            // As for the next connection of the user.
            const passing = passingFrame(passed)!;
            expect(standing(passing).equals(once)).toBe(true);
            return { texts, form, once, kept: passing.kept() };
          });
          for (const { texts, form, once, kept } of frames) {
            const frame = frameOf(delivery(texts, form));
            expect([once, kept].map((bytes) => bytes.equals(frame))).toEqual([true, true]);
          }
        }),
        { numRuns: 30 },
      );
    });

    test('is none where there is no room for it', () => {
      const passes = (length: number) => passingFrame(delivery(['x'.repeat(length)], 'plain')) !== undefined;
      expect(passes(MAX_FRAME_BYTES - 10)).toBe(true);
      expect(passes(MAX_FRAME_BYTES)).toBe(false);
      expect(passes(10 * MAX_FRAME_BYTES)).toBe(false);
    });
  });
});
