import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import type { StoredEvent } from '../src/notifier/event-log.js';
import { LmdbEventLog } from '../src/storage/lmdb-event-log.js';
import { BOUNDS, startWriter, USERS } from './support/writer-process.js';

const ROUNDS = 12;

let dir: string;

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'notifier-journal-'));
});

afterEach(async () => {
  await rm(dir, { recursive: true, force: true });
});

/** What one life of the writer was told is stored. */
async function writeUntilKilled(sync: string, round: number): Promise<string[]> {
  const writer = await startWriter({ dir, sync }, round, 'inherit');
  let told = '';
  const lines = 100 + Math.floor(Math.random() * 2000);
  for await (const chunk of writer.stdout) {
    told += String(chunk);
    if (told.split('\n').length > lines) writer.kill('SIGKILL');
  }
  return told.split('\n').slice(0, -1);
}

async function everythingOf(log: LmdbEventLog, accessId: string): Promise<StoredEvent[]> {
  const { head, store } = await log.view(accessId, 0);
  if (!head) return [];
  let position = { epoch: head.epoch, seq: 0, tag: 0 };
  expect(store.tailLost).toBe(false);
  const events: StoredEvent[] = [];
  for (;;) {
    const page = await log.read(accessId, position, 1e6, undefined);
    events.push(...page!.events);
    if (page!.reachedHead) return events;
    position = page!.end;
  }
}

test.each(['full', 'process'] as const)(
  'kills while the journal is being carried over (sync %s) lose nothing that was answered, and double nothing',
  async (sync) => {
    const told: string[] = [];
    for (let round = 0; round < ROUNDS; round++) told.push(...(await writeUntilKilled(sync, round)));
    const log = LmdbEventLog.open({ dir, sync, bounds: BOUNDS });
    const found: string[] = [];
    for (const user of USERS) {
      const events = await everythingOf(log, user);
      expect(events.map(({ seq }) => seq)).toEqual(events.map((_, i) => i + 1));
      for (const { text } of events) {
        const [round, number, padding] = text.split(' ');
        expect(padding!.length).toBe(Number(number) % 700);
        found.push(`${user} ${round} ${number}`);
      }
    }
    await log.close();
    const stored = new Set(found);
    expect(stored.size).toBe(found.length);
    const missing = told.filter((line) => !stored.has(line));
    expect(missing).toEqual([]);
    expect(told.length).toBeGreaterThan(ROUNDS * 100);
  },
  300_000,
);
