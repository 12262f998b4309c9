import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import type { EventLog } from './event-log.js';
import type { Metrics } from './metrics.js';
import { NodeHistory } from './node-history.js';
import type { OpenConnections } from './open-connections.js';
import type { SubscriptionService } from './subscription.service.js';

const START = 1_800_000_000_000;

const TALLY = { eventsPushed: 0, eventsDelivered: 0, latency: { bounds: [], counts: [0] } };

/** The history of a node at which nothing happens. */
function newHistory(): NodeHistory {
  return new NodeHistory(
    { tally: () => TALLY } as unknown as Metrics,
    { count: 0 } as OpenConnections,
    { userCount: 0 } as SubscriptionService,
    { storeExtent: () => undefined } as unknown as EventLog,
  );
}

describe('the history of a node', () => {
  let history: NodeHistory;

  beforeEach(() => {
    jest.useFakeTimers({ now: START });
    history = newHistory();
    history.onModuleInit();
  });

  afterEach(() => {
    history.onModuleDestroy();
    jest.useRealTimers();
  });

  const seconds = () => history.after(0).map(([at]) => (at! - START) / 1000);

  it('has one sample of each second, and goes back 15 minutes', () => {
    jest.advanceTimersByTime(1_000_000);
    expect(seconds()).toEqual(Array.from({ length: 900 }, (_, i) => 101 + i));
  });

  it('has no second twice where a timer is early', () => {
    // A clock that is a millisecond behind the timers.
    jest.setSystemTime(START - 1);
    jest.advanceTimersByTime(3001);
    expect(seconds()).toEqual([1, 2, 3]);
  });
});
