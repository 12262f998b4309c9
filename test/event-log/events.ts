import { createHash } from 'node:crypto';
import { expect } from '@jest/globals';
import { byteString, eventPrefix, type Push, type PushedEvent } from '../../src/notifier/event.js';
import type { EventLog, LogView, Page, Since, StoredEvent } from '../../src/notifier/event-log.js';
import type { Position } from '../../src/notifier/position.js';
import { partitionOf } from '../../src/storage/redis/partitions.js';
import { newestPosition, oldestPosition, requestedSeq, startPoint } from '../../src/notifier/start-point.js';
import type { StartPoint, StartRequest } from '../../src/notifier/start-point.js';

/** More than any log of these tests holds. */
export const EVERYTHING = 2 ** 40;

/** A user whose log is in the same partition as alice's: where users are spread over partitions, each of these has a time of its own. */
export const BESIDE_ALICE = besideAlice();

function besideAlice(): string {
  for (let i = 0; ; i++) if (partitionOf(`user${i}`) === partitionOf('alice')) return `user${i}`;
}

/** An event with `payload` as the JSON text of its payload. */
export function event(accessId: string, createdAt: number, payload = '""'): PushedEvent {
  return { accessId, createdAt, text: `${eventPrefix(accessId, createdAt)}${byteString(payload)}}` };
}

/** An event whose text has exactly so many bytes. */
export function eventOf(bytes: number, accessId: string, createdAt: number): PushedEvent {
  const padding = bytes - event(accessId, createdAt).text.length;
  return event(accessId, createdAt, `"${'x'.repeat(padding)}"`);
}

/** Events with `created_at` from `first` to `last`. */
export function eventsOf(accessId: string, first: number, last: number): PushedEvent[] {
  return Array.from({ length: last - first + 1 }, (_, i) => event(accessId, first + i));
}

export const push = (...events: PushedEvent[]): Push => ({ events });

/** A push under an idempotency key, with a digest that is `content`'s. */
export function claimed(key: string, content: string, ...events: PushedEvent[]): Push {
  return { events, idempotency: { key, digest: createHash('sha256').update(content).digest('hex') } };
}

export const textsOf = (events: readonly { readonly text: string }[]) => events.map(({ text }) => text);

/** Stored events with what the contract says of them, and no more. */
export const bare = (events: readonly StoredEvent[]) =>
  events.map(({ seq, tag, createdAt, text }) => ({ seq, tag, createdAt, text }));

/** Where a user's log ends now. */
export async function newest(log: EventLog, accessId: string): Promise<Position> {
  return newestPosition(await log.view(accessId, 0));
}

/** Where what a user's log still has begins. */
export async function oldest(log: EventLog, accessId: string): Promise<Position> {
  return oldestPosition(await log.view(accessId, 0));
}

/** What a subscriber with this request would be told. */
export async function verdict(
  log: EventLog,
  accessId: string,
  request: StartRequest,
): Promise<StartPoint & { view: LogView }> {
  const view = await log.view(accessId, requestedSeq(request));
  return { ...startPoint(view, request), view };
}

/**
 * All events after a position, page by page.
 *
 * @returns `undefined` where the position is not, or no longer, one of this log
 */
export async function readAfter(
  log: EventLog,
  accessId: string,
  after: Position,
  { since, maxBytes = EVERYTHING }: { since?: Since | undefined; maxBytes?: number } = {},
): Promise<StoredEvent[] | undefined> {
  const events: StoredEvent[] = [];
  let position = after;
  for (;;) {
    const page = await log.read(accessId, position, maxBytes, since);
    if (!page) return undefined;
    expectWellFormed(page, maxBytes);
    events.push(...page.events);
    if (page.reachedHead) return bare(events);
    expect(page.end).not.toEqual(position);
    position = page.end;
  }
}

/** All events that a user's log holds. */
export async function held(log: EventLog, accessId: string): Promise<StoredEvent[]> {
  const events = await readAfter(log, accessId, await oldest(log, accessId));
  expect(events).toBeDefined();
  return events!;
}

/** The id of an event in a user's log, or of the place after it: they are the same. */
export function idOf(epoch: string, { seq, tag }: { seq: number; tag: number }): Position {
  return { epoch, seq, tag };
}

function expectWellFormed({ events, start, end, epoch }: Page, maxBytes: number): void {
  const first = events[0];
  const last = events.at(-1);
  if (!first || !last) return expect(start).toEqual(end);
  if (events.length > 1) expect(textsOf(events).join('').length).toBeLessThanOrEqual(maxBytes);
  expect(start.seq).toBeLessThan(first.seq);
  expect(end.epoch).toBe(epoch);
  expect(end.seq).toBeGreaterThanOrEqual(last.seq);
  if (end.seq === last.seq) expect(end.tag).toBe(last.tag);
}
