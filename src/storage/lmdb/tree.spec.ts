import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, jest, test } from '@jest/globals';
import * as fc from 'fast-check';
import { open } from 'lmdb';
import { ANY_HEAD, chunk as newChunk } from '../../../test/support/chunks.js';
import { eventsIn } from './chunk.js';
import { chunkKeyBytes, metaKey } from './keys.js';
import type { LmdbFile } from './lmdb-file.js';
import { decodeMeta, encodeMeta } from './meta.js';
import { openFile } from './open-file.js';
import type { Database } from './tree.js';

const USERS = ['ann', 'ann2'];

/** What a log should hold: its chunks that are left, the number of its newest event, and where a chunk without events stands. */
interface Log {
  chunks: { readonly firstSeq: number; readonly count: number; readonly text: string }[];
  seq: number;
  bareAt: number | undefined;
}

/** A file beside what it should hold, changed as a store changes it. */
class Model {
  private readonly dir = mkdtempSync(join(tmpdir(), 'notifier-tree-'));
  private readonly logs = new Map<string, Log>(
    USERS.map((id) => [id, { chunks: [], seq: 0, bareAt: undefined }]),
  );
  private copies = 0;
  private texts = 0;
  private file = this.openIn('0');

  private openIn(name: string): LmdbFile {
    return openFile({ dir: join(this.dir, name), sync: 'process', pauseMs: 0 });
  }

  async push(user: string, sizes: readonly number[]): Promise<void> {
    for (const size of sizes) {
      const log = this.logs.get(user)!;
      const chunk = {
        firstSeq: log.seq + 1,
        count: 1 + (size % 3),
        text: `${++this.texts}`.padEnd(size, '.'),
      };
      await this.commit(user, chunk, log.bareAt === undefined ? [] : [log.bareAt]);
      log.chunks.push(chunk);
      log.seq += chunk.count;
      log.bareAt = undefined;
    }
  }

  /** Lets go of the oldest chunks; where none is left, or a drop comes, one without events stands at the end. */
  async trim(user: string, count: number, isDropped: boolean): Promise<void> {
    const log = this.logs.get(user)!;
    const removed = log.chunks.splice(0, count).map(({ firstSeq }) => firstSeq);
    if (log.bareAt !== undefined) removed.push(log.bareAt);
    if (isDropped || log.chunks.length === 0) log.bareAt = log.seq + 1;
    else if (log.bareAt !== undefined) removed.pop();
    const bare = { firstSeq: log.seq + 1, count: 0, text: '' };
    await this.commit(user, log.bareAt === undefined ? undefined : bare, removed);
  }

  /** Lets go of the whole log: another begins with number 1. */
  async forget(user: string): Promise<void> {
    const removed = [...this.file.chunksAndMarks(user, 0)].map(({ firstSeq }) => firstSeq);
    await this.commit(user, undefined, removed);
    this.logs.set(user, { chunks: [], seq: 0, bareAt: undefined });
  }

  private async commit(
    accessId: string,
    chunk: Log['chunks'][number] | undefined,
    removed: readonly number[],
  ): Promise<void> {
    const { file } = this;
    const { meta } = file;
    const written = chunk ? [newChunk(chunk.firstSeq, chunk.count, chunk.text)] : [];
    const chunks = [{ accessId, keyBytes: chunkKeyBytes(accessId), head: ANY_HEAD, written, removed }];
    const changes = { chunks, puts: new Map(), removes: new Map() };
    file.apply(await file.write(changes, { ...meta, commit: meta.commit + 1 }));
  }

  settle(): Promise<void> {
    return this.file.settle();
  }

  /** Writes the logs into the tree, and not that they stand there. */
  async settleHalf(): Promise<void> {
    const { db } = this.file as unknown as { db: Database };
    const write = db.ifVersion.bind(db);
    const spy = jest.spyOn(db, 'ifVersion');
    spy.mockImplementationOnce(write).mockRejectedValueOnce(new Error('EIO'));
    await this.file.settle().catch(() => undefined);
    spy.mockRestore();
  }

  /** Goes on with the file as another process finds it. */
  async crash(): Promise<void> {
    const [from, to] = [String(this.copies), String(++this.copies)];
    cpSync(join(this.dir, from), join(this.dir, to), { recursive: true });
    await this.file.close();
    const path = join(this.dir, to, 'notifier.mdb');
    const db = open<Buffer, Buffer>({ path, encoding: 'binary', keyEncoding: 'binary' });
    db.putSync(metaKey, encodeMeta({ ...decodeMeta(db.get(metaKey)!), owner: null }));
    await db.close();
    this.file = this.openIn(to);
  }

  check(): void {
    for (const [user, log] of this.logs) {
      const found = [...this.file.chunks(user, log.chunks[0]?.firstSeq ?? log.seq + 1)];
      const withEvents = found.filter(({ record }) => eventsIn(record) > 0);
      expect(withEvents.map(({ firstSeq }) => firstSeq)).toEqual(log.chunks.map(({ firstSeq }) => firstSeq));
      expect(found[withEvents.length]?.firstSeq).toBe(log.bareAt);
      for (const { firstSeq, count, text } of log.chunks) {
        for (let seq = firstSeq; seq < firstSeq + count; seq++) {
          const chunk = this.file.chunkAt(user, seq);
          expect(chunk?.firstSeq).toBe(firstSeq);
          expect(chunk?.record.includes(text)).toBe(true);
        }
      }
      // Nothing of the log stands in two places, what it has let go of included.
      const all = [...this.file.chunks(user, 0)].map(({ firstSeq }) => firstSeq);
      expect(all).toEqual([...new Set(all)].sort((a, b) => a - b));
      expect(this.file.lastChunk(user)?.firstSeq).toBe(log.bareAt ?? log.chunks.at(-1)?.firstSeq);
    }
  }

  async end(): Promise<void> {
    await this.file.close();
    rmSync(this.dir, { recursive: true, force: true });
  }
}

let model: Model;

beforeEach(() => {
  model = new Model();
});

afterEach(() => model.end());

const many = (count: number, size: number) => Array<number>(count).fill(size);

test('an event takes the place of a chunk without events that was carried over before it', async () => {
  await model.push('ann', many(3, 99));
  await model.trim('ann', 0, true);
  await model.settle();
  model.check();
  await model.push('ann', [99]);
  await model.settle();
  model.check();
});

test('what an interrupted carry-over has left goes, where the chunks are put together in another way', async () => {
  await model.push('ann', many(8, 900));
  await model.settleHalf();
  await model.trim('ann', 3, false);
  await model.push('ann', many(3, 900));
  await model.crash();
  model.check();
});

test('of a log that was forgotten, nothing stands among the chunks of the next one', async () => {
  await model.push('ann', many(12, 900));
  await model.settle();
  await model.forget('ann');
  await model.push('ann', many(14, 600));
  model.check();
  await model.settle();
  model.check();
});

type Step = (model: Model) => Promise<void>;

const user = fc.constantFrom(...USERS);
const sizes = fc.array(fc.integer({ min: 10, max: 1500 }), { minLength: 1, maxLength: 12, size: 'max' });
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.tuple(user, sizes).map(
      ([id, all]): Step =>
        (model) =>
          model.push(id, all),
    ),
  },
  {
    weight: 3,
    arbitrary: fc.tuple(user, fc.nat(15), fc.boolean()).map(
      ([id, count, drops]): Step =>
        (model) =>
          model.trim(id, count, drops),
    ),
  },
  {
    weight: 1,
    arbitrary: user.map(
      (id): Step =>
        (model) =>
          model.forget(id),
    ),
  },
  { weight: 3, arbitrary: fc.constant<Step>((model) => model.settle()) },
  { weight: 2, arbitrary: fc.constant<Step>((model) => model.settleHalf()) },
  { weight: 1, arbitrary: fc.constant<Step>((model) => model.crash()) },
);

test('each chunk is found as it was committed, wherever it stands and whatever interrupted its way there', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 20, size: 'max' }), async (steps) => {
      await model.end();
      model = new Model();
      for (const each of steps) {
        await each(model);
        model.check();
      }
      await model.settle();
      model.check();
    }),
    { numRuns: 40 },
  );
}, 120_000);
