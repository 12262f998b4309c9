import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { Test, type TestingModule } from '@nestjs/testing';
import { event, eventOf, eventsOf, newest, push, textsOf } from '../../test/event-log/events.js';
import { DEFAULT_BOUNDS, ManualClock } from '../../test/event-log/harness.js';
import { Gates, settle } from '../../test/support/gates.js';
import { PrometheusMetrics } from '../metrics/prometheus-metrics.js';
import { MemoryEventLog } from '../storage/memory-event-log.js';
import { EventBufferService } from './event-buffer.service.js';
import { EventLog } from './event-log.js';
import { Metrics } from './metrics.js';
import { formatPosition } from './position.js';

const TTL_MS = 10_000;

describe('EventBufferService', () => {
  let module: TestingModule;
  let buffer: EventBufferService;
  let log: MemoryEventLog;
  let clock: ManualClock;

  beforeEach(async () => {
    clock = new ManualClock();
    log = new MemoryEventLog({ ...DEFAULT_BOUNDS, bufferEvents: 5, bufferTtlMs: TTL_MS }, clock.read);
    module = await Test.createTestingModule({
      providers: [
        EventBufferService,
        { provide: EventLog, useValue: log },
        { provide: Metrics, useClass: PrometheusMetrics },
      ],
    }).compile();
    buffer = module.get(EventBufferService);
  });

  afterEach(async () => {
    jest.restoreAllMocks();
    await module.close();
    await log.close();
  });

  describe('push', () => {
    it('stores a push', async () => {
      expect(await buffer.push(push(...eventsOf('alice', 1, 2)))).toBe('stored');
      expect(await log.extent('alice')).toMatchObject({ events: 2 });
    });
  });

  describe('start', () => {
    it('finds the event that a client names', async () => {
      await buffer.push(push(...eventsOf('alice', 1, 2)));
      const lastEventId = formatPosition(await newest(log, 'alice'));
      await buffer.push(push(event('alice', 3)));
      const start = await buffer.start('alice', { lastEventId }, 1);
      expect(start).toMatchObject({ recovered: true, position: { seq: 2 } });
      expect(textsOf(start.page!.events)).toEqual(textsOf([event('alice', 3)]));
    });

    it('takes no page of which the reading began before the look that it follows', async () => {
      await buffer.push(push(event('alice', 1)));
      const lastEventId = formatPosition(await newest(log, 'alice'));
      await buffer.push(push(event('alice', 2)));
      const gates = new Gates();
      gates.close('was read');
      const read = log.read.bind(log);
      jest.spyOn(log, 'read').mockImplementation(async (...which) => {
        const page = await read(...which);
        await gates.pass('was read');
        return page;
      });
      const earlier = buffer.start('alice', { lastEventId }, 1);
      await gates.reached('was read');
      await buffer.push(push(event('alice', 3)));
      const later = buffer.start('alice', { lastEventId }, 1);
      await settle();
      gates.open('was read');
      expect(textsOf((await earlier).page!.events)).toEqual(textsOf([event('alice', 2)]));
      expect(textsOf((await later).page!.events)).toEqual(textsOf(eventsOf('alice', 2, 3)));
    });

    it('begins just before the first event that qualifies', async () => {
      await buffer.push(push(event('alice', 1), event('alice', 9), event('alice', 2)));
      const start = await buffer.start('alice', { lastEventId: null, timestamp: 5 }, 1);
      expect(start).toMatchObject({
        position: { seq: 1 },
        since: { createdAt: 5, until: 3 },
        recovered: true,
      });
    });

    it('begins at the head where nothing qualifies', async () => {
      await buffer.push(push(...eventsOf('alice', 1, 3)));
      const start = await buffer.start('alice', { lastEventId: null, timestamp: 100 }, 1);
      expect(start.position).toEqual(await newest(log, 'alice'));
    });

    it('begins where there will be a log', async () => {
      const start = await buffer.start('alice', { lastEventId: null, timestamp: 100 }, 1);
      expect(start.position).toEqual(await newest(log, 'alice'));
    });

    it('looks again where the log was trimmed between its two looks', async () => {
      await buffer.push(push(...eventsOf('alice', 1, 5)));
      const read = log.read.bind(log);
      jest.spyOn(log, 'read').mockImplementationOnce(async (...asked) => {
        await log.append(push(...eventsOf('alice', 6, 7)));
        return read(...asked);
      });
      const start = await buffer.start('alice', { lastEventId: null, timestamp: 4 }, 1);
      expect(start).toMatchObject({
        position: { seq: 3 },
        since: { createdAt: 4, until: 7 },
        recovered: true,
      });
    });
  });

  describe('page', () => {
    it('gives the events after a position, at most a frame of them', async () => {
      const start = await newest(log, 'alice');
      await buffer.push(push(...[1, 2, 3].map((createdAt) => eventOf(120_000, 'alice', createdAt))));
      const first = await buffer.page('alice', start, undefined, 1);
      expect(first!.events.map(({ seq }) => seq)).toEqual([1, 2]);
      expect(first!.reachedHead).toBe(false);
      const second = await buffer.page('alice', first!.end, undefined, 1);
      expect(second!.events.map(({ seq }) => seq)).toEqual([3]);
      expect(second!.reachedHead).toBe(true);
    });

    it('is read once for all who ask for it at the same time', async () => {
      const start = await newest(log, 'alice');
      await buffer.push(push(event('alice', 1)));
      const read = jest.spyOn(log, 'read');
      const pages = await Promise.all([1, 2, 3].map(() => buffer.page('alice', start, undefined, 7)));
      expect(read).toHaveBeenCalledTimes(1);
      expect(pages[1]).toBe(pages[0]);
      await buffer.page('alice', start, undefined, 7);
      expect(read).toHaveBeenCalledTimes(2);
    });

    it('is not shared where user, position, what to skip or what is known differ', async () => {
      const start = await newest(log, 'alice');
      await buffer.push(push(...eventsOf('alice', 1, 3), event('bob', 9)));
      const since = { createdAt: 2, until: 3 };
      const pages = await Promise.all([
        buffer.page('alice', start, undefined, 7),
        buffer.page('bob', start, undefined, 7),
        buffer.page('alice', start, since, 7),
        buffer.page('alice', start, { ...since, until: 1 }, 7),
        buffer.page('alice', start, undefined, 8),
      ]);
      expect(pages.map((page) => page!.events.map(({ createdAt }) => createdAt))).toEqual([
        [1, 2, 3],
        [9],
        [2, 3],
        [2, 3],
        [1, 2, 3],
      ]);
      expect(pages[4]).not.toBe(pages[0]);
    });

    it('that could not be read is read anew for who asks next', async () => {
      const start = await newest(log, 'alice');
      await buffer.push(push(event('alice', 1)));
      jest.spyOn(log, 'read').mockRejectedValueOnce(new Error('broken'));
      await expect(buffer.page('alice', start, undefined, 1)).rejects.toThrow('broken');
      expect(textsOf((await buffer.page('alice', start, undefined, 1))!.events)).toHaveLength(1);
    });

    it('is nothing after a position that is gone', async () => {
      const start = await newest(log, 'alice');
      await buffer.push(push(...eventsOf('alice', 1, 6)));
      expect(await buffer.page('alice', start, undefined, 1)).toBeUndefined();
    });
  });

  describe('stateOf', () => {
    it('says whether a cursor has everything, has something to come, or has lost something', async () => {
      const before = await newest(log, 'alice');
      await buffer.push(push(event('bob', 1)));
      expect(await buffer.stateOf('alice', before)).toEqual({ standing: 'current', drops: 0 });
      await buffer.push(push(...eventsOf('alice', 1, 3)));
      const after = await newest(log, 'alice');
      expect(await buffer.stateOf('alice', before)).toEqual({ standing: 'behind', drops: 0 });
      expect(await buffer.stateOf('alice', after)).toEqual({ standing: 'current', drops: 0 });
      await log.drop('alice');
      await buffer.push(push(...eventsOf('alice', 4, 6)));
      expect(await buffer.stateOf('alice', before)).toEqual({ standing: 'gone', drops: 1 });
      expect(await buffer.stateOf('alice', after)).toEqual({ standing: 'behind', drops: 1 });
    });

    it('counts a cursor that stood before a log which a drop began as current', async () => {
      const before = await newest(log, 'alice');
      await log.drop('alice');
      expect(await buffer.stateOf('alice', before)).toEqual({ standing: 'current', drops: 1 });
    });

    it('counts a cursor at the end of a log that has emptied with age as current', async () => {
      await buffer.push(push(event('alice', 1)));
      const end = await newest(log, 'alice');
      clock.advance(TTL_MS + 1);
      expect(await buffer.stateOf('alice', end)).toEqual({ standing: 'current', drops: 0 });
      expect(await buffer.stateOf('alice', { ...end, seq: 0, tag: 0 })).toMatchObject({ standing: 'gone' });
    });
  });
});
