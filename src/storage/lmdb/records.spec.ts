import { expect, test } from '@jest/globals';
import * as fc from 'fast-check';
import { accessIdFault } from '../../notifier/event.js';
import { addEvents, decodeHead, decodeIndex, NewChunk, writeChunk } from './chunk.js';
import {
  chunkKey,
  expiryKeysEnd,
  expiryKey,
  hashOfExpiryKey,
  hourKey,
  MAX_SEQ,
  readHourKey,
  seqOfChunkKey,
} from './keys.js';
import type { StoredEvent } from '../../notifier/event-log.js';
import { PageDraft } from '../page.js';
import type { LogHead } from './log-head.js';
import { RecentCache } from './recent-cache.js';

const accessId = fc
  .string({ unit: 'binary', minLength: 1, maxLength: 40 })
  .filter((id) => accessIdFault(id) === undefined);
const seq = fc.integer({ min: 1, max: MAX_SEQ });
const uint32 = fc.nat(0xffff_ffff);
const safe = fc.integer({ min: Number.MIN_SAFE_INTEGER, max: Number.MAX_SAFE_INTEGER });

test('keys of one user’s chunks stand together, in the order of their numbers', () => {
  fc.assert(
    fc.property(accessId, seq, accessId, seq, (idA, seqA, idB, seqB) => {
      const order = Buffer.compare(chunkKey(idA, seqA), chunkKey(idB, seqB));
      if (idA === idB) expect(order).toBe(Math.sign(seqA - seqB));
      else {
        // Nothing of another user's comes between a user's first key and the last one.
        const first = Buffer.compare(chunkKey(idA, 0), chunkKey(idB, seqB));
        const last = Buffer.compare(chunkKey(idA, MAX_SEQ), chunkKey(idB, seqB));
        expect(first).toBe(last);
      }
      expect(seqOfChunkKey(chunkKey(idA, seqA))).toBe(seqA);
    }),
  );
});

test('a log stands before all later hours of its kind', () => {
  fc.assert(
    fc.property(accessId, fc.nat(600_000), fc.nat(600_000), fc.boolean(), (id, hour, other, withEvents) => {
      const key = hourKey(withEvents, hour, id);
      expect(readHourKey(key)).toEqual({ hour, accessId: id });
      expect(isBefore(key, hourKey(withEvents, other, ''))).toBe(hour < other);
      expect(isBefore(key, hourKey(!withEvents, other, ''))).toBe(false);
    }),
  );
});

test('a claim has expired from its time on', () => {
  const hash = Buffer.alloc(32, 0xff);
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 2 ** 47 }), (expires) => {
      const key = expiryKey(expires, hash);
      expect(hashOfExpiryKey(key).equals(hash)).toBe(true);
      expect(isBefore(key, expiryKeysEnd(expires))).toBe(true);
      expect(isBefore(key, expiryKeysEnd(expires - 1))).toBe(false);
    }),
  );
});

/** Whether `key` is of the kind of `end`, and before it. */
function isBefore(key: Buffer, end: Buffer): boolean {
  return key[0] === end[0] && Buffer.compare(key, end) < 0;
}

const head = fc.record({
  epoch: fc.string({ unit: 'grapheme-ascii', minLength: 8, maxLength: 8 }),
  tag: uint32,
  trimmedSeq: seq,
  trimmedTag: uint32,
  trimmedCreatedAt: fc.oneof(safe, fc.constant(-Infinity)),
  drops: uint32,
  born: seq,
  bytes: seq,
  pushedSerial: seq,
  hour: uint32,
});
const events = fc.array(fc.record({ createdAt: safe, bytes: fc.uint8Array({ maxLength: 300 }) }), {
  maxLength: 20,
});

test('a record gives back the head and every event that was put into it', () => {
  fc.assert(
    fc.property(
      head,
      events,
      seq,
      uint32,
      seq,
      fc.nat(99),
      (wanted, contents, first, tag, arrived, offset) => {
        const firstSeq = Math.min(first, MAX_SEQ - 100);
        const stored = contents.map(({ createdAt, bytes }, i) => {
          return { seq: firstSeq + i, tag, createdAt, text: Buffer.from(bytes).toString('latin1') };
        });
        const whole: LogHead = {
          ...wanted,
          seq: firstSeq + stored.length - 1,
          bareBytes: 0,
          oldestArrived: undefined,
        };
        const chunk = new NewChunk(firstSeq, tag, arrived, stored);
        const room = Buffer.alloc(offset + chunk.bytes + 1);
        expect(writeChunk(room, offset, whole, chunk)).toBe(offset + chunk.bytes);
        expect(room.at(-1)).toBe(0);
        const record = room.subarray(offset, -1);
        const bareBytes = stored.length === 0 ? record.length : 0;
        expect(decodeHead(firstSeq, record)).toEqual({ ...whole, bareBytes });
        expect(decodeIndex(firstSeq, record)).toMatchObject({ count: stored.length, tag, arrived });
        expect(eventsOf(firstSeq, record, 0)).toEqual(stored);
        expect(eventsOf(firstSeq, record, firstSeq + 3)).toEqual(stored.slice(3));
      },
    ),
  );
});

function eventsOf(firstSeq: number, record: Buffer, fromSeq: number): readonly StoredEvent[] {
  const start = { epoch: '', seq: 0, tag: 0 };
  const page = new PageDraft({ epoch: '', seq: MAX_SEQ }, start, Infinity, undefined);
  addEvents(page, firstSeq, record, fromSeq);
  return page.finished().events;
}

const headOf = (drops: number) => ({ drops }) as LogHead;

test('the cache keeps the heads used last, and lets go of the others', () => {
  const heads = new RecentCache<LogHead>(65_536);
  for (let i = 0; i < 100_000; i++) {
    heads.set(`user${i}`, headOf(i));
    expect(heads.get('user0')?.drops).toBe(0);
  }
  expect(heads.get('user99999')?.drops).toBe(99_999);
  expect(heads.get('user70000')?.drops).toBe(70_000);
  expect(heads.get('user1')).toBeUndefined();
  heads.set('user0', headOf(1));
  expect(heads.get('user0')?.drops).toBe(1);
  heads.delete('user0');
  expect(heads.get('user0')).toBeUndefined();
});
