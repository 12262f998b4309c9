import { expect } from '@jest/globals';
import type { Push } from '../../src/notifier/event.js';
import type { Announcement, EventLog } from '../../src/notifier/event-log.js';
import { formatPosition, parsePosition, type Position } from '../../src/notifier/position.js';
import type { Bounds } from '../../src/storage/bounds.js';
import { idOf, newest, oldest, readAfter, textsOf, verdict } from './events.js';
import type { Announcements, EventLogHarness, ManualClock } from './harness.js';
import { History } from './history.js';

/** A position that a client has stored, and what is true of it. */
interface Place {
  readonly user: History;
  readonly position: Position;
  /** So many of the user's events are behind it. */
  readonly behind: number;
  /** Whether the store must know it until a head may have been forgotten. */
  readonly isCertain: boolean;
  readonly doubts: number;
}

/** A store, the truth about it, and what clients have kept of it. */
export class World {
  private readonly users: readonly History[];
  private readonly places: Place[] = [];
  /** Every id that was ever given, with the doubts there were when it was. */
  private readonly ids = new Map<string, number>();
  private log: EventLog;

  /** @param isExact whether the truth knows what is gone: not where all users together have more than the store may hold */
  constructor(
    private readonly harness: EventLogHarness,
    private readonly announcements: Announcements,
    private readonly clock: ManualClock,
    bounds: Bounds,
    accessIds: readonly string[],
    private readonly isExact: boolean,
  ) {
    this.log = harness.log;
    this.users = accessIds.map((accessId) => new History(accessId, bounds));
  }

  user(accessId: string): History {
    return this.users.find((one) => one.accessId === accessId)!;
  }

  advance(ms: number): void {
    this.clock.advance(ms);
    for (const user of this.users) user.pass(this.clock.now);
  }

  async reopen(): Promise<void> {
    this.log = (await this.harness.reopen?.()) ?? this.log;
    this.announcements.listenTo(this.log);
  }

  /** Pushes at the same time: each is stored whole, in whatever order. */
  async push(pushes: readonly Push[]): Promise<void> {
    const results = await Promise.all(pushes.map((one) => this.log.append(one)));
    expect(results).toEqual(pushes.map(() => 'stored'));
    const count = pushes.reduce((sum, { events }) => sum + events.length, 0);
    await this.announcements.ofEvents(count);
    const news = this.announcements.all.splice(0);
    for (const user of this.users) {
      const own = news.filter(({ accessId }) => accessId === user.accessId);
      this.learn(user, own);
      expectWhole(textsOf(own.flatMap(({ events }) => events)), user.accessId, pushes);
    }
  }

  async repeat(push: Push, expected: 'repeated' | 'conflict'): Promise<void> {
    expect(await this.log.append(push)).toBe(expected);
  }

  async drop(user: History): Promise<void> {
    const drops = await this.log.drop(user.accessId);
    expect([user.drops + 1, ...(this.mayForget(user) ? [1] : [])]).toContain(drops);
    user.drop(this.clock.now, drops);
  }

  /** A client comes, and keeps the position at the log's end, at its beginning, or of one of its events. */
  async take(user: History, which: 'newest' | 'oldest' | number): Promise<void> {
    const { events, accessId } = user;
    if (which === 'newest') return this.keep(user, await newest(this.log, accessId), events.length);
    if (which === 'oldest') {
      const rest = await readAfter(this.log, accessId, await oldest(this.log, accessId));
      return this.keep(user, await oldest(this.log, accessId), events.length - rest!.length);
    }
    if (events.length === 0) return;
    const index = which % events.length;
    const { id } = events[index]!;
    this.keep(user, id, index + 1, this.ids.get(formatPosition(id)));
  }

  /** A client comes back with a position that it kept. */
  async resume(which: number, timestamp?: number): Promise<void> {
    const place = this.places[which % this.places.length];
    if (!place) return;
    const { user, position, behind } = place;
    const request = { lastEventId: formatPosition(position), ...(timestamp !== undefined && { timestamp }) };
    const { recovered, got, drops } = await this.subscribe(user, request);
    if (recovered) expect(got).toEqual(textsOf(user.events.slice(behind)));
    else this.expectAllHeld(user, got, timestamp);
    if (this.mustKnow(place)) expect(recovered).toBe(true);
    if (!this.mayForget(user)) expect(drops).toBe(user.drops);
    const read = await readAfter(this.log, user.accessId, position, { maxBytes: 400 });
    expect(read && textsOf(read)).toEqual(recovered ? got : undefined);
  }

  async resumeAll(): Promise<void> {
    for (const which of this.places.keys()) await this.resume(which);
  }

  /** A client comes that knows a time, and no position. */
  async start(user: History, timestamp: number): Promise<void> {
    const { recovered, got } = await this.subscribe(user, { timestamp });
    const wanted = user.events.filter(({ createdAt }) => createdAt >= timestamp);
    if (recovered) expect(got).toEqual(textsOf(wanted));
    else this.expectAllHeld(user, got, timestamp);
    if (this.isExact && timestamp > this.worstGone(user)) expect(recovered).toBe(true);
  }

  private async subscribe(user: History, request: { lastEventId?: string; timestamp?: number }) {
    const { position, since, recovered, drops } = await verdict(this.log, user.accessId, request);
    const events = await readAfter(this.log, user.accessId, position, { since, maxBytes: 400 });
    expect(events).toBeDefined();
    return { recovered, drops, got: textsOf(events!) };
  }

  private learn(user: History, news: readonly Announcement[]): void {
    for (const { epoch, previousSeq, previousTag, events } of news) {
      const last = user.events.at(-1)?.id;
      const before = last?.epoch === epoch ? { seq: last.seq, tag: last.tag } : { seq: 0, tag: 0 };
      expect({ seq: previousSeq, tag: previousTag }).toEqual(before);
      const arrived = this.clock.now;
      const known = events.map((one) => ({ ...one, id: idOf(epoch, one), arrived }));
      user.add(known, arrived);
      for (const { id } of known) {
        expect(this.ids.has(formatPosition(id))).toBe(false);
        this.ids.set(formatPosition(id), this.doubts);
      }
    }
  }

  private keep(user: History, position: Position, behind: number, doubts = this.doubts): void {
    expect(parsePosition(formatPosition(position))).toEqual(position);
    const isCertain = this.users.every(({ head }) => head !== 'limbo');
    this.places.push({ user, position, behind, isCertain, doubts });
  }

  /** How often any head may have been forgotten. */
  private get doubts(): number {
    return this.users.reduce((sum, { doubts }) => sum + doubts, 0);
  }

  private mustKnow({ user, behind, isCertain, doubts }: Place): boolean {
    return this.isExact && isCertain && doubts === this.doubts && user.gone <= behind;
  }

  private mayForget(user: History): boolean {
    return !this.isExact || user.head === 'limbo' || user.doubts > 0;
  }

  /** The highest `created_at` that may be remembered as gone: of all users', once a head may have been forgotten. */
  private worstGone(user: History): number {
    const users = this.doubts > 0 ? this.users : [user];
    return Math.max(...users.map(({ goneCreatedAt }) => goneCreatedAt));
  }

  private expectAllHeld(user: History, got: readonly string[], timestamp = -Infinity): void {
    const held = this.isExact ? user.held : user.events;
    const wanted = textsOf(held.filter(({ createdAt }) => createdAt >= timestamp));
    expect(got).toEqual(this.isExact ? wanted : wanted.slice(wanted.length - got.length));
  }
}

/** Each push's events of a user stand together, in the push's order, and there are no others. */
function expectWhole(news: readonly string[], accessId: string, pushes: readonly Push[]): void {
  const parts = pushes.map(({ events }) => textsOf(events.filter((one) => one.accessId === accessId)));
  expect(news).toHaveLength(parts.flat().length);
  for (const texts of parts) {
    const at = news.indexOf(texts[0] ?? '');
    if (texts.length > 0) expect(news.slice(at, at + texts.length)).toEqual(texts);
  }
}
