import { NewChunk } from '../../src/storage/lmdb/chunk.js';
import type { LogHead } from '../../src/storage/lmdb/log-head.js';

/** A head for chunks that nobody asks for theirs. */
export const ANY_HEAD: LogHead = {
  epoch: 'AbCdEf12',
  seq: 0,
  tag: 1,
  trimmedSeq: 0,
  trimmedTag: 0,
  trimmedCreatedAt: 0,
  drops: 0,
  born: 0,
  bytes: 0,
  pushedSerial: 0,
  hour: 0,
  bareBytes: 0,
  oldestArrived: undefined,
};

/** The chunk of so many events that begins with number `firstSeq`, all of its texts the same. */
export function chunk(firstSeq: number, count: number, text: string): NewChunk {
  const events = Array.from({ length: count }, (_, i) => ({ seq: firstSeq + i, tag: 1, createdAt: 1, text }));
  return new NewChunk(firstSeq, 1, 1, events);
}
