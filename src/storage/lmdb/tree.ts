import type { RootDatabase } from 'lmdb';
import { chunkKey, MAX_SEQ, seqOfChunkKey } from './keys.js';
import { type ChunkRecord, lastOf, packs, unpack, unpackDown } from './pack.js';
import type { PendingLog, PendingRecord, PendingRecords } from './pending-records.js';

export type Database = RootDatabase<Buffer, Buffer>;

/** The chunks of a log in the tree that begin at `fromSeq` or behind it and before `endSeq`, in order. */
export function* chunksUp(
  db: Database,
  accessId: string,
  fromSeq: number,
  endSeq: number,
): Generator<ChunkRecord> {
  const end = chunkKey(accessId, endSeq);
  for (const record of records(db, placeOf(db, accessId, fromSeq), end)) {
    for (const chunk of unpack(record)) {
      if (chunk.firstSeq >= endSeq) return;
      if (chunk.firstSeq >= fromSeq) yield chunk;
    }
  }
}

/** The chunks of a log in the tree that begin at `seq` or before it, the last one first. */
export function* chunksDown(db: Database, accessId: string, seq: number): Generator<ChunkRecord> {
  for (const record of records(db, chunkKey(accessId, seq), chunkKey(accessId, 0), true)) {
    yield* unpackDown(record, seq);
  }
}

function* records(db: Database, start: Buffer, end: Buffer, reverse = false): Generator<ChunkRecord> {
  for (const { key, value } of db.getRange({ start, end, reverse })) {
    yield { firstSeq: seqOfChunkKey(key), record: value };
  }
}

/** The key of the record in which a chunk with number `seq` would stand. */
function placeOf(db: Database, accessId: string, seq: number): Buffer {
  const start = chunkKey(accessId, seq);
  if (seq === 0) return start;
  const before = db.getKeys({ start, end: chunkKey(accessId, 0), reverse: true, limit: 1 });
  return [...before][0] ?? start;
}

/**
 * What carrying `pending` over changes in the tree; what goes stands before what comes.
 *
 * @param isAgain whether a carry-over of some of them may have been interrupted, in which they were put together in another way
 */
export function* treeChanges(
  db: Database,
  pending: PendingRecords,
  isAgain: boolean,
): Generator<PendingRecord> {
  for (const [accessId, log] of pending.logs()) {
    const gone = [...removedIn(db, accessId, log)];
    if (isAgain || log.replaces) gone.push(...replacedIn(db, accessId, log));
    for (const seq of gone) yield { key: chunkKey(accessId, seq), value: undefined };
    for (const { firstSeq, record } of packs(log.kept())) {
      yield { key: chunkKey(accessId, firstSeq), value: record };
    }
  }
  yield* pending.others();
}

/**
 * The records of the tree of which nothing is left. A log is let go of from its beginning, so that what stands up to the last chunk that was taken
 * out is gone, or put anew.
 */
function* removedIn(db: Database, accessId: string, { lastRemoved }: PendingLog): Generator<number> {
  if (lastRemoved === undefined) return;
  for (const record of records(db, chunkKey(accessId, 0), chunkKey(accessId, lastRemoved + 1))) {
    if (lastOf(record) <= lastRemoved) yield record.firstSeq;
  }
}

/**
 * The records of the tree where the log's chunks will stand: of the log before it was forgotten, or of an interrupted carry-over. All that they hold
 * was taken out or put anew.
 */
function* replacedIn(db: Database, accessId: string, { firstKept }: PendingLog): Generator<number> {
  if (firstKept === undefined) return;
  for (const record of records(db, placeOf(db, accessId, firstKept), chunkKey(accessId, MAX_SEQ))) {
    if (lastOf(record) >= firstKept) yield record.firstSeq;
  }
}
