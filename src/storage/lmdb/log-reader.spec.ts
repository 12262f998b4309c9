import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate as immediate, setTimeout as timeout } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import type { Announcement } from '../../notifier/event-log.js';
import type { Position } from '../../notifier/position.js';
import { LmdbEventLog } from '../lmdb-event-log.js';

const BOUNDS = {
  bufferEvents: 6,
  bufferBytes: 1_000_000,
  bufferTtlMs: 60_000,
  totalBytes: 10_000_000,
  headTtlMs: 60_000,
  idempotencyTtlMs: 60_000,
};

let dir: string;
let log: LmdbEventLog;

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'notifier-reader-'));
  log = LmdbEventLog.open({ dir, sync: 'process', bounds: BOUNDS });
});

afterEach(async () => {
  await log.close();
  await rm(dir, { recursive: true, force: true });
});

/** Three events to one user. */
function push(): Promise<unknown> {
  const event = { accessId: 'a', createdAt: 1, text: '{}' };
  return log.append({ events: [event, event, event] });
}

test('a reader that looks while commits are on their way never steps over an event, and never ahead of the head', async () => {
  let announced: Announcement | undefined;
  log.listen(([announcement]) => (announced = announcement));
  await push();
  let position: Position = { epoch: announced!.epoch, seq: 3, tag: announced!.events[2]!.tag };
  const pushed = { times: 0 };
  const pushing = (async () => {
    for (; pushed.times < 1000; pushed.times++) await push();
  })();
  let reads = 0;
  while (pushed.times < 1000) {
    const page = await log.read('a', position, 10_000, undefined);
    const { head } = await log.view('a', position.seq);
    if (!page) {
      // It says so only where it is so.
      expect(position.seq).toBeLessThan(head!.trimmedSeq);
      position = { epoch: head!.epoch, seq: head!.trimmedSeq, tag: head!.trimmedTag };
    } else {
      const [first] = page.events;
      if (first) expect(first.seq).toBe(position.seq + 1);
      expect(page.end.seq).toBeLessThanOrEqual(head!.seq);
      position = page.end;
    }
    reads++;
    await (reads % 3 === 0 ? timeout() : immediate());
  }
  await pushing;
  expect(reads).toBeGreaterThan(100);
}, 60_000);
