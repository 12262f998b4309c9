import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { encodeChunk } from './chunk.js';
import { chunkKey, hourKey, readHourKey } from './keys.js';
import type { LmdbFile } from './lmdb-file.js';
import type { LogHead } from './log-head.js';
import { openFile } from './open-file.js';

const USER = 'ann';

let dir: string;
let file: LmdbFile;

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'notifier-file-'));
  file = openFile(dir, 'process');
});

afterEach(async () => {
  await file.close();
  await rm(dir, { recursive: true, force: true });
});

async function commit(
  puts: readonly (readonly [Buffer, Buffer])[],
  removes: readonly Buffer[],
): Promise<void> {
  const { meta } = file;
  const changes = {
    puts: new Map(puts.map((put) => [put[0].toString('latin1'), put])),
    removes: new Map(removes.map((key) => [key.toString('latin1'), key])),
  };
  file.apply(await file.write(changes, { ...meta, commit: meta.commit + 1 }));
}

/** The chunk of so many events that begins with number `firstSeq`, all of its texts the same. */
function chunk(firstSeq: number, count: number, text: string): [Buffer, Buffer] {
  const head = {
    epoch: 'AbCdEf12',
    seq: firstSeq + count - 1,
    tag: 1,
    trimmedSeq: 0,
    trimmedTag: 0,
    drops: 0,
  };
  const rest = { trimmedCreatedAt: 0, born: 0, bytes: 0, pushedSerial: 0, hour: 0, bareBytes: 0 };
  const events = Array.from({ length: count }, (_, i) => ({ seq: firstSeq + i, tag: 1, createdAt: 1, text }));
  const record = encodeChunk({ ...head, ...rest } as LogHead, { tag: 1, arrived: 1, events });
  return [chunkKey(USER, firstSeq), record];
}

test('what was removed while it is on its way to the tree is gone, for whoever looks for an event too', async () => {
  await commit([chunk(1, 1, 'old'), chunk(2, 3, 'old')], []);
  const settled = file.settle();
  await commit([chunk(1, 5, 'new')], [chunkKey(USER, 1), chunkKey(USER, 2)]);
  expect(file.isUnsettled).toBe(true);
  for (let seq = 1; seq <= 5; seq++) expect(file.chunkAt(USER, seq)?.firstSeq).toBe(1);
  expect([...file.chunks(USER, 0)].map(({ firstSeq }) => firstSeq)).toEqual([1]);
  await settled;
  await file.settle();
  for (let seq = 1; seq <= 5; seq++) expect(file.chunkAt(USER, seq)?.record.includes('new')).toBe(true);
});

function key(hour: number, user: string): Buffer {
  return hourKey(true, hour, user);
}

test('the oldest are found first, also those that came after others were looked for', async () => {
  const put = (hour: number, user: string) => [key(hour, user), Buffer.alloc(0)] as const;
  const found = (limit?: number) =>
    [...file.keysBefore(key(100, ''), limit)].map((found) => readHourKey(found).accessId);
  expect(found()).toEqual([]);
  await commit([put(5, 'c'), put(7, 'd')], []);
  expect(found()).toEqual(['c', 'd']);
  await commit([], [key(5, 'c')]);
  expect(found(1)).toEqual(['d']);
  await file.settle();
  await commit([put(6, 'e'), put(100, 'late')], []);
  expect(found()).toEqual(['e', 'd']);
  await commit([put(1, 'first')], [key(6, 'e'), key(7, 'd')]);
  expect(found()).toEqual(['first']);
  expect([...file.keysBefore(key(1, ''))]).toEqual([]);
  await commit([put(0, 'b')], [key(1, 'first')]);
  expect(found()).toEqual(['b']);
});
