import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import * as fc from 'fast-check';
import { open } from 'lmdb';
import { StoreUnavailableError } from '../../notifier/event-log.js';
import type { Push } from '../../notifier/event.js';
import { HOUR_MS } from '../bounds.js';
import { LmdbEventLog } from '../lmdb-event-log.js';
import { decodeHead, eventsIn } from './chunk.js';
import { chunkKey, idOfChunkKey, isChunkKey, MAX_SEQ, seqOfChunkKey } from './keys.js';
import { decodeMeta } from './meta.js';
import { unpack } from './pack.js';
import { chunksDown, type Database } from './tree.js';

const META = 0;
const CLAIM = 4;
const CLAIMS_BY_EXPIRY = 5;

const BOUNDS = {
  bufferEvents: 20,
  bufferBytes: 20_000,
  bufferTtlMs: 2 * HOUR_MS,
  totalBytes: 65_536,
  headTtlMs: 3 * HOUR_MS,
  idempotencyTtlMs: HOUR_MS / 2,
};

let dir: string;
let now: number;
let log: LmdbEventLog;

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'notifier-accounting-'));
  now = 1_700_000_000_000;
  log = openLog();
});

afterEach(async () => {
  await log.close();
  await rm(dir, { recursive: true, force: true });
});

function openLog(journalBytes = 16 * 1024 * 1024): LmdbEventLog {
  return LmdbEventLog.open({ dir, sync: 'process', bounds: BOUNDS, systemClock: () => now, journalBytes });
}

/** All that was committed stands in the tree then. */
async function reopen(): Promise<void> {
  await log.close();
  log = openLog();
}

/** What stands in a record of the tree, as it is counted: chunks that were put together each with its key, if any of its events are left. */
function* partsOf(db: Database, key: Buffer, value: Buffer): Generator<{ key: Buffer; value: Buffer }> {
  if (!isChunkKey(key)) return yield { key, value };
  const accessId = idOfChunkKey(key);
  const [last] = chunksDown(db, accessId, MAX_SEQ);
  const { trimmedSeq } = decodeHead(last!.firstSeq, last!.record);
  let left = 0;
  for (const { firstSeq, record } of unpack({ firstSeq: seqOfChunkKey(key), record: value })) {
    const count = eventsIn(record);
    if (count > 0 && firstSeq + count - 1 <= trimmedSeq) continue;
    left++;
    yield { key: chunkKey(accessId, firstSeq), value: record };
  }
  expect(left).toBeGreaterThan(0);
}

/** What stands in the file, counted record by record, beside what the file says of itself. */
async function countedAndKept(
  journalBytes?: number,
): Promise<{ counted: object; kept: object; keys: number }> {
  await log.close();
  const db = open<Buffer, Buffer>({
    path: join(dir, 'notifier.mdb'),
    encoding: 'binary',
    keyEncoding: 'binary',
    readOnly: true,
  });
  let [bytes, headBytes, claimBytes, keys, kept] = [0, 0, 0, 0, {}];
  const parts = [...db.getRange({})].flatMap(({ key, value }) => [...partsOf(db, key, value)]);
  for (const { key, value } of parts) {
    const size = key.length + value.length;
    if (key[0] === META) {
      const meta = decodeMeta(value);
      kept = { bytes: meta.bytes, headBytes: meta.headBytes, claimBytes: meta.claimBytes };
      continue;
    }
    keys++;
    bytes += size;
    if (isChunkKey(key) && eventsIn(value) === 0) headBytes += size;
    if (key[0] === CLAIM || key[0] === CLAIMS_BY_EXPIRY) claimBytes += size;
  }
  await db.close();
  log = openLog(journalBytes);
  return { counted: { bytes, headBytes, claimBytes }, kept, keys };
}

function pushOf(user: number, events: number, size: number, key: number | undefined): Push {
  const text = `{"payload":"${'x'.repeat(size)}"}`;
  const all = Array.from({ length: events }, (_, i) => ({
    accessId: `user${user + (i % 3)}`,
    createdAt: i,
    text,
  }));
  if (key === undefined) return { events: all };
  return { events: all, idempotency: { key: `key${key}`, digest: 'ab'.repeat(32) } };
}

const push = fc
  .record({
    user: fc.oneof(fc.nat(30), fc.constant(1)),
    events: fc.oneof(fc.integer({ min: 0, max: 40 }), fc.integer({ min: 1, max: 4 })),
    size: fc.oneof(fc.nat(1500), fc.nat(100)),
    key: fc.option(fc.nat(5), { nil: undefined }),
  })
  .map(
    ({ user, events, size, key }) =>
      () =>
        log.append(pushOf(user, events, size, key)),
  );
const drop = fc.nat(30).map((user) => () => log.drop(`user${user}`));
const sweep = fc.constant(() => log.sweep());
/** What is done at the same time shares a commit. */
const step = fc.record({
  passed: fc.oneof(fc.nat(1000), fc.nat(4 * HOUR_MS)),
  actions: fc.array(fc.oneof({ weight: 5, arbitrary: push }, drop, sweep), { maxLength: 6 }),
});

test.each([
  ['at its end', undefined],
  // Nearly always, a part stands in the tree already when the next one comes.
  ['again and again', 2000],
])(
  'what the file says of its size is what stands in it, carried over %s, after every history',
  async (_, journalBytes) => {
    await log.close();
    log = openLog(journalBytes);
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 12 }), async (steps) => {
        for (const { passed, actions } of steps) {
          now += passed;
          await Promise.all(actions.map((action) => action()));
          expect(log.bytes).toBeLessThanOrEqual(BOUNDS.totalBytes);
        }
        const { counted, kept } = await countedAndKept(journalBytes);
        expect(kept).toEqual(counted);
      }),
      { numRuns: 60 },
    );
  },
  120_000,
);

test('a log, its head and a claim leave the file when their time is over, each at its own', async () => {
  await log.append(pushOf(1, 3, 100, 1));
  now += BOUNDS.idempotencyTtlMs;
  await log.sweep();
  expect((await countedAndKept()).counted).toMatchObject({ claimBytes: 0, headBytes: 0 });
  now += BOUNDS.bufferTtlMs + HOUR_MS;
  await log.sweep();
  const { counted, keys } = await countedAndKept();
  // Three users' heads, each with its place among those of its hour.
  expect(keys).toBe(6);
  expect(counted).not.toMatchObject({ headBytes: 0 });
  now += BOUNDS.headTtlMs;
  await log.sweep();
  expect(await countedAndKept()).toMatchObject({ keys: 0, kept: { bytes: 0, headBytes: 0, claimBytes: 0 } });
});

test('a log that nobody looked at until all of it was over leaves nothing, and the next one begins anew', async () => {
  const one = pushOf(1, 1, 10, undefined);
  for (let i = 0; i < BOUNDS.bufferEvents; i++) await log.append(one);
  await reopen();
  // Five more: what stands together in the tree is partly let go of.
  for (let i = 0; i < 5; i++) await log.append(one);
  await reopen();
  now += BOUNDS.bufferTtlMs + BOUNDS.headTtlMs + HOUR_MS;
  await log.sweep();
  expect(log.bytes).toBe(0);
  for (let i = 0; i < 3; i++) await log.append(one);
  const { head } = await log.view('user1', 0);
  const start = { epoch: head!.epoch, seq: 0, tag: 0 };
  const page = await log.read('user1', start, 1_000_000, undefined);
  expect(page?.events.map(({ seq }) => seq)).toEqual([1, 2, 3]);
  // What was known of the first log's oldest events is not said of those with their numbers.
  for (let i = 0; i < BOUNDS.bufferEvents + 7; i++) await log.append(pushOf(1, 1, 50, undefined));
  const { counted, kept } = await countedAndKept();
  expect(kept).toEqual(counted);
  now += BOUNDS.bufferTtlMs + BOUNDS.headTtlMs + HOUR_MS;
  await log.sweep();
  expect(await countedAndKept()).toMatchObject({ keys: 0, kept: { bytes: 0 } });
});

test('a push to more users than there is room for leaves their heads, within the bound', async () => {
  const events = Array.from({ length: 400 }, (_, i) => ({
    accessId: `user${i}`,
    createdAt: 7,
    text: `{"payload":"${'x'.repeat(500)}"}`,
  }));
  expect(await log.append({ events })).toBe('stored');
  expect(log.bytes).toBeLessThanOrEqual(BOUNDS.totalBytes);
  const { head } = await log.view('user399', 0);
  expect(head).toMatchObject({ seq: 1, trimmedSeq: 1, trimmedCreatedAt: 7 });
});

test('the least recently pushed logs make room, and what is left survives a restart with its size', async () => {
  for (let user = 0; user < 300; user += 3) {
    now += 60_000;
    await log.append(pushOf(user, 3, 400, undefined));
  }
  expect((await log.extent('user0')).events).toBe(0);
  expect((await log.extent('user299')).events).toBe(1);
  const { bytes } = log;
  expect(bytes).toBeGreaterThan(BOUNDS.totalBytes / 2);
  expect(await countedAndKept()).toMatchObject({ counted: { bytes }, kept: { bytes } });
  expect(log.bytes).toBe(bytes);
});

test('idempotency keys take no more than their share: a push with a new one is refused, a repeat and others are not', async () => {
  await log.append(pushOf(0, 1, 10, 0));
  const more = Array.from({ length: 1000 }, (_, i) => log.append(pushOf(0, 1, 10, i)));
  const settled = await Promise.allSettled(more);
  const refused = settled.filter(({ status }) => status === 'rejected') as PromiseRejectedResult[];
  expect(refused.length).toBeGreaterThan(0);
  expect(refused[0]!.reason).toBeInstanceOf(StoreUnavailableError);
  expect(await log.append(pushOf(0, 1, 10, 0))).toBe('repeated');
  expect(await log.append(pushOf(0, 1, 10, undefined))).toBe('stored');
  expect((await countedAndKept()).counted).toMatchObject({ headBytes: 0 });
  now += BOUNDS.idempotencyTtlMs;
  await log.sweep();
  expect(await log.append(pushOf(0, 1, 10, 999))).toBe('stored');
});
