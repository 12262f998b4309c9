import { describe, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import { MAX_FRAME_BYTES } from './delivery.js';
import type { Announcement, StoredEvent } from './event-log.js';
import type { Position } from './position.js';
import { Tail } from './tail.js';

const EPOCH = 'loglogLO';

/** Events from number `first` to `last`; each one's tag is its number, `shift` more. */
function events(first: number, last: number, bytes = 100, shift = 0): StoredEvent[] {
  return Array.from({ length: last - first + 1 }, (_, i) => {
    const seq = first + i;
    return { seq, tag: seq + shift, createdAt: seq, text: 'x'.repeat(bytes) };
  });
}

function announcement(first: number, last: number, differing: Partial<Announcement> = {}): Announcement {
  const previous = { previousSeq: first - 1, previousTag: first - 1 };
  return { accessId: 'alice', epoch: EPOCH, ...previous, events: events(first, last), ...differing };
}

const at = (seq: number, tag = seq, epoch = EPOCH): Position => ({ epoch, seq, tag });
const seqsAfter = (tail: Tail, position: Position) =>
  tail.deliveryAfter(position, 'plain')?.events.map(({ seq }) => seq);

function tailOf(...announcements: Announcement[]): Tail {
  const tail = new Tail();
  for (const one of announcements) tail.add(one);
  return tail;
}

describe('a tail', () => {
  it('knows nothing at first: the log must be asked', () => {
    const tail = new Tail();
    expect(tail.isNewest(at(0, 0))).toBe(false);
    expect(tail.deliveryAfter(at(0, 0), 'plain')).toBeUndefined();
  });

  it('gives what was announced after a position', () => {
    const tail = tailOf(announcement(1, 2), announcement(3, 5));
    expect(seqsAfter(tail, at(0, 0))).toEqual([1, 2, 3, 4, 5]);
    expect(seqsAfter(tail, at(3))).toEqual([4, 5]);
    expect(tail.deliveryAfter(at(3), 'plain')!.end).toEqual(at(5));
    expect(seqsAfter(tail, at(5))).toBeUndefined();
    expect(tail.isNewest(at(5))).toBe(true);
    expect(tail.isNewest(at(4))).toBe(false);
  });

  it('knows of each delivery when the push of its first event arrived', () => {
    const [first, second, third] = [{ at: 1 }, { at: 2 }, { at: 3 }];
    const tail = tailOf(announcement(1, 2, { arrival: first }), announcement(3, 5, { arrival: second }));
    const arrivalAfter = (seq: number) => tail.deliveryAfter(at(seq), 'plain')?.arrival;
    expect([0, 1, 2, 3, 4].map(arrivalAfter)).toEqual([first, first, second, second, second]);
    tail.clear();
    tail.add(announcement(6, 6, { arrival: third }));
    expect(arrivalAfter(5)).toBe(third);
  });

  it('sends to the log whoever stands before its first event, or beyond its last', () => {
    const tail = tailOf(announcement(5, 7));
    expect(seqsAfter(tail, at(4))).toEqual([5, 6, 7]);
    expect(seqsAfter(tail, at(3))).toBeUndefined();
    expect(seqsAfter(tail, at(8))).toBeUndefined();
  });

  it('believes no number whose tag or epoch is another', () => {
    const tail = tailOf(announcement(5, 7));
    for (const position of [at(4, 9), at(5, 9), at(6, 9), at(5, 5, 'otherOTH')]) {
      expect(seqsAfter(tail, position)).toBeUndefined();
    }
    expect(tail.isNewest(at(7, 9))).toBe(false);
    expect(tail.isNewest(at(7, 7, 'otherOTH'))).toBe(false);
  });

  it.each([
    ['a number is missing', announcement(5, 6)],
    ['the predecessor has another tag', announcement(4, 6, { previousTag: 9 })],
    ['the log is another', announcement(4, 6, { epoch: 'otherOTH' })],
    ['numbers come again', announcement(3, 6, { events: events(3, 6, 100, 1000) })],
  ])('is emptied when %s', (_, next) => {
    const tail = tailOf(announcement(1, 3), next);
    for (const position of [at(0, 0), at(1), at(3)]) expect(seqsAfter(tail, position)).toBeUndefined();
    const { epoch, previousSeq, previousTag } = next;
    const after = seqsAfter(tail, { epoch, seq: previousSeq, tag: previousTag });
    expect(after).toEqual(next.events.map(({ seq }) => seq));
  });

  it('still follows on what it knew after its events were let go of', () => {
    const tail = tailOf(announcement(1, 3));
    tail.clear();
    expect(seqsAfter(tail, at(2))).toBeUndefined();
    expect(tail.isNewest(at(3))).toBe(true);
    tail.add(announcement(4, 4));
    expect(seqsAfter(tail, at(3))).toEqual([4]);
    expect(seqsAfter(tail, at(2))).toBeUndefined();
  });

  it('takes the log’s word for where the head is', () => {
    const tail = tailOf(announcement(1, 3));
    tail.learn(at(9));
    expect(tail.isNewest(at(9))).toBe(true);
    expect(tail.isNewest(at(3))).toBe(false);
    expect(seqsAfter(tail, at(1))).toBeUndefined();
    tail.add(announcement(10, 10));
    expect(seqsAfter(tail, at(9))).toEqual([10]);
  });

  it('counts announcements, so that a read that one overtook is noticed', () => {
    const tail = tailOf(announcement(1, 3));
    const { version } = tail;
    tail.clear();
    tail.learn(at(3));
    expect(tail.version).toBe(version);
    tail.add(announcement(4, 4));
    expect(tail.version).not.toBe(version);
  });

  it('lets go of its events when they are too many bytes, and still knows the head', () => {
    const tail = new Tail();
    for (let seq = 1; seq <= 5; seq++)
      tail.add(announcement(seq, seq, { events: events(seq, seq, 250_000) }));
    expect(tail.isNewest(at(5))).toBe(true);
    expect(seqsAfter(tail, at(4))).toBeUndefined();
    tail.add(announcement(6, 6));
    expect(seqsAfter(tail, at(5))).toEqual([6]);
  });

  it('counts bytes anew after it was cleared', () => {
    const tail = new Tail();
    for (let seq = 1; seq <= 20; seq++) {
      tail.add(announcement(seq, seq, { events: events(seq, seq, 250_000) }));
      expect(seqsAfter(tail, at(seq - 1))).toEqual([seq]);
      tail.clear();
    }
  });

  it('gives at most a frame, and the rest after it', () => {
    const tail = tailOf(announcement(1, 30, { events: events(1, 30, 30_000) }));
    let position = at(0, 0);
    const seqs: number[] = [];
    for (let frame = tail.deliveryAfter(position, 'plain'); frame;) {
      expect(frame.events.length * 30_000).toBeLessThanOrEqual(MAX_FRAME_BYTES);
      seqs.push(...frame.events.map(({ seq }) => seq));
      position = frame.end;
      frame = tail.deliveryAfter(position, 'plain');
    }
    expect(seqs).toEqual(events(1, 30).map(({ seq }) => seq));
  });

  it('shares one delivery among connections of one form at one position', () => {
    const tail = tailOf(announcement(1, 3));
    const first = tail.deliveryAfter(at(0, 0), 'plain');
    expect(tail.deliveryAfter(at(0, 0), 'plain')).toBe(first);
    expect(tail.deliveryAfter(at(0, 0), 'resumable')!.form).toBe('resumable');
    expect(seqsAfter(tail, at(1))).toEqual([2, 3]);
  });

  it('changes neither what was announced nor what was delivered', () => {
    const first = announcement(1, 2);
    const tail = tailOf(first);
    const delivered = tail.deliveryAfter(at(0, 0), 'plain')!;
    tail.add(announcement(3, 4));
    const longer = tail.deliveryAfter(at(1), 'plain')!;
    const whole = tail.deliveryAfter(at(0, 0), 'plain')!;
    tail.add(announcement(5, 6));
    expect(whole.events).toHaveLength(4);
    expect(first.events).toHaveLength(2);
    expect(delivered.events).toHaveLength(2);
    expect(longer.events.map(({ seq }) => seq)).toEqual([2, 3, 4]);
  });

  it('leads every cursor through every event once, whatever is announced and let go of when', () => {
    const sizes = fc.constantFrom(1, 100, 90_000, 200_000);
    const moves = fc.array(fc.oneof(fc.record({ add: sizes }), fc.constantFrom('clear', 'read', 'read')), {
      maxLength: 60,
    });
    fc.assert(
      fc.property(moves, (all) => {
        const tail = new Tail();
        let newest = 0;
        let cursor = at(0, 0);
        for (const move of all) {
          if (move === 'clear') tail.clear();
          else if (move !== 'read') {
            tail.add(
              announcement(newest + 1, newest + 2, { events: events(newest + 1, newest + 2, move.add) }),
            );
            newest += 2;
          } else {
            const delivery = tail.deliveryAfter(cursor, 'plain');
            if (delivery) expect(delivery.events[0]!.seq).toBe(cursor.seq + 1);
            // Where the tail cannot tell, the cursor goes to the log and comes back at the head.
            cursor = delivery ? delivery.end : at(newest);
          }
          if (newest > 0) expect(tail.isNewest(at(newest))).toBe(true);
        }
      }),
      { numRuns: 300 },
    );
  });
});
