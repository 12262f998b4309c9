import { describe, expect, it } from '@jest/globals';
import type { Head, LogView, StoreMemory } from './event-log.js';
import { formatPosition, type Position } from './position.js';
import { newestPosition, oldestPosition, requestedSeq, resolvePosition, startPoint } from './start-point.js';

const EPOCH = 'loglogLO';
const STORE = 'storeSTO';

const store: StoreMemory = {
  epoch: STORE,
  serial: 50,
  forgottenSerial: 0,
  forgottenCreatedAt: -Infinity,
  tailLost: false,
  losses: 0,
};

/** A log that began with the store's append 20, and holds events 4 to 9. */
const head: Head = {
  epoch: EPOCH,
  seq: 9,
  tag: 99,
  trimmedSeq: 3,
  trimmedTag: 33,
  trimmedCreatedAt: 300,
  drops: 2,
  born: 20,
  bytes: 600,
};

/** A look at the log for event `seq`, whose tag is eleven times its number where it is held. */
function view(seq: number, differing: Partial<LogView> = {}): LogView {
  const isHeld = seq > 3 && seq <= 9;
  return { head, store, tag: isHeld ? seq * 11 : undefined, trusted: true, ...differing };
}

const at = (seq: number, tag: number, epoch = EPOCH): Position => ({ epoch, seq, tag });
const resolve = (position: Position, differing?: Partial<LogView>) =>
  resolvePosition(view(position.seq, differing), position);

/** What a client that names a position is told. */
function resume(position: Position, differing: Partial<LogView> = {}, timestamp?: number) {
  const request = {
    lastEventId: formatPosition(position),
    ...(timestamp !== undefined && { timestamp }),
  };
  return startPoint(view(requestedSeq(request), differing), request);
}

describe('a position in a log', () => {
  it('is known while the log holds its event', () => {
    for (let seq = 4; seq <= 9; seq++) expect(resolve(at(seq, seq * 11))).toEqual(at(seq, seq * 11));
  });

  it('is known where its event was the last one to go, for nothing after it is gone', () => {
    expect(resolve(at(3, 33))).toEqual(at(3, 33));
  });

  it('is unknown where an event after it is gone, its tag is another, or there was no such event', () => {
    for (const position of [at(2, 22), at(0, 0), at(3, 34), at(5, 56), at(9, 98), at(10, 110)]) {
      expect(resolve(position)).toBeUndefined();
    }
  });

  it('is unknown to a log of another epoch, and where there is no log', () => {
    expect(resolve(at(5, 55, 'otherOTH'))).toBeUndefined();
    expect(resolve(at(5, 55), { head: undefined, tag: undefined })).toBeUndefined();
  });

  it('before the first event is known until an event is gone', () => {
    const untrimmed = { ...head, trimmedSeq: 0, trimmedTag: 0 };
    expect(resolve(at(0, 0), { head: untrimmed })).toEqual(at(0, 0));
    expect(resolve(at(0, 1), { head: untrimmed })).toBeUndefined();
  });
});

describe('a position that was taken where there was no log', () => {
  const untrimmed = { ...head, trimmedSeq: 0, trimmedTag: 0 };

  it('stays what it is while there is none', () => {
    expect(resolve(at(10, 0, STORE), { head: undefined })).toEqual(at(10, 0, STORE));
  });

  it('is the place before the first event of a log that has begun since', () => {
    expect(resolve(at(19, 0, STORE), { head: untrimmed })).toEqual(at(0, 0));
  });

  it('is unknown to a log that was there before, or that has lost its first event', () => {
    expect(resolve(at(20, 0, STORE), { head: untrimmed })).toBeUndefined();
    expect(resolve(at(19, 0, STORE))).toBeUndefined();
  });

  it('is unknown where a log may have come and been forgotten since', () => {
    const forgotten = { ...store, forgottenSerial: 11 };
    expect(resolve(at(10, 0, STORE), { head: undefined, store: forgotten })).toBeUndefined();
    expect(resolve(at(10, 0, STORE), { head: untrimmed, store: forgotten })).toBeUndefined();
    expect(resolve(at(11, 0, STORE), { head: untrimmed, store: forgotten })).toEqual(at(0, 0));
  });

  it('is unknown where the store never was there, or is another one', () => {
    expect(resolve(at(51, 0, STORE), { head: undefined })).toBeUndefined();
    expect(resolve(at(10, 1, STORE), { head: undefined })).toBeUndefined();
    expect(resolve(at(10, 0, 'otherOTH'), { head: undefined })).toBeUndefined();
  });
});

describe('the ends of a log', () => {
  it('are its newest event and the newest that is gone', () => {
    expect(newestPosition(view(0))).toEqual(at(9, 99));
    expect(oldestPosition(view(0))).toEqual(at(3, 33));
  });

  it('are both the place that the store is at where there is no log', () => {
    expect(newestPosition(view(0, { head: undefined }))).toEqual(at(50, 0, STORE));
    expect(oldestPosition(view(0, { head: undefined }))).toEqual(at(50, 0, STORE));
  });
});

describe('a subscriber that names a position', () => {
  it('begins there, whatever its timestamp, and is told that it lost nothing', () => {
    const start = { position: at(5, 55), since: undefined, headSeq: 9, recovered: true, drops: 2, losses: 0 };
    expect(resume(at(5, 55))).toEqual(start);
    expect(resume(at(5, 55), {}, 1000)).toEqual(start);
  });

  it('is not told so where what followed the position may be gone without a trace', () => {
    expect(resume(at(5, 55), { trusted: false })).toMatchObject({ position: at(5, 55), recovered: false });
  });

  it('gets all that there is where the position is unknown, and is told', () => {
    const all = { position: at(3, 33), since: undefined, headSeq: 9, recovered: false, drops: 2, losses: 0 };
    expect(resume(at(2, 22))).toEqual(all);
    expect(startPoint(view(0), { lastEventId: 'never written' })).toEqual(all);
    expect(startPoint(view(0), { lastEventId: '' })).toEqual(all);
  });

  it('gets what its timestamp asks for where the position is unknown, and is told', () => {
    const since = { createdAt: 1000, until: 9 };
    expect(resume(at(2, 22), {}, 1000)).toMatchObject({ position: at(3, 33), since, recovered: false });
  });
});

describe('a subscriber that names a timestamp', () => {
  it('begins with the log’s first event, skips what is older, and nothing that comes later', () => {
    expect(startPoint(view(0), { timestamp: 301, lastEventId: null })).toEqual({
      position: at(3, 33),
      since: { createdAt: 301, until: 9 },
      headSeq: 9,
      recovered: true,
      drops: 2,
      losses: 0,
    });
  });

  it('is told of a loss from the highest created_at on that is gone', () => {
    expect(startPoint(view(0), { timestamp: 300 }).recovered).toBe(false);
    expect(startPoint(view(0), { timestamp: -5 }).recovered).toBe(false);
  });

  it('is judged by what the store remembers of forgotten logs where there is none', () => {
    const without = { head: undefined, store: { ...store, forgottenCreatedAt: 70 } };
    expect(startPoint(view(0, without), { timestamp: 70 }).recovered).toBe(false);
    expect(startPoint(view(0, without), { timestamp: 71 })).toEqual({
      position: at(50, 0, STORE),
      since: { createdAt: 71, until: 0 },
      headSeq: 0,
      recovered: true,
      drops: 0,
      losses: 0,
    });
  });

  it('is told of a loss while the store may have lost its newest events', () => {
    const doubtful = { store: { ...store, tailLost: true } };
    expect(startPoint(view(0, doubtful), { timestamp: 1000 }).recovered).toBe(false);
  });
});

describe('a subscriber that names neither', () => {
  it('begins with the next event, and has lost nothing', () => {
    const next = { position: at(9, 99), since: undefined, headSeq: 9, recovered: true, drops: 2, losses: 0 };
    expect(startPoint(view(0), {})).toEqual(next);
    expect(startPoint(view(0), { lastEventId: null })).toEqual(next);
  });
});

describe('the number to look for', () => {
  it('is that of the event that the request names', () => {
    expect(requestedSeq({ lastEventId: formatPosition(at(7, 77)) })).toBe(7);
    expect(requestedSeq({ lastEventId: 'never written' })).toBe(0);
    expect(requestedSeq({ lastEventId: null })).toBe(0);
    expect(requestedSeq({})).toBe(0);
  });
});
