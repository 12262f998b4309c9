import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { HeartbeatWheel } from './heartbeat-wheel.js';

interface Member {
  readonly number: number;
}

const members = (count: number): Member[] => Array.from({ length: count }, (_, number) => ({ number }));

describe('a heartbeat wheel', () => {
  let wheel: HeartbeatWheel<Member>;
  const beats: Member[] = [];

  function turn(
    periodMs: number,
    all: readonly Member[],
    beat = (member: Member) => void beats.push(member),
  ) {
    wheel = new HeartbeatWheel(periodMs, beat);
    for (const member of all) wheel.add(member);
    wheel.start();
  }

  beforeEach(() => void jest.useFakeTimers());
  afterEach(() => {
    wheel.stop();
    beats.length = 0;
    jest.useRealTimers();
  });

  it.each([20, 1000, 30_000, 3_600_000])('calls every member once in each period of %d ms', (periodMs) => {
    turn(periodMs, members(1000));
    for (let period = 1; period <= 3; period++) {
      jest.advanceTimersByTime(periodMs);
      expect(new Set(beats.splice(0, 1000)).size).toBe(1000);
    }
    // Timers know whole milliseconds: a period of 256 ticks may be a little shorter.
    expect(beats.length).toBeLessThan(50);
  });

  it('spreads its members evenly over the period', () => {
    turn(30_000, members(2560));
    for (let tenth = 1; tenth <= 10; tenth++) {
      jest.advanceTimersByTime(3000);
      expect(Math.abs(beats.length - 256 * tenth)).toBeLessThanOrEqual(20);
    }
  });

  it('does so with one timer', () => {
    turn(30_000, members(1000));
    expect(jest.getTimerCount()).toBe(1);
  });

  it('calls a member that came later within a period, and then once in each', () => {
    turn(1000, members(7));
    jest.advanceTimersByTime(330);
    const late = { number: -1 };
    wheel.add(late);
    jest.advanceTimersByTime(1000);
    expect(beats.filter((member) => member === late)).toHaveLength(1);
    jest.advanceTimersByTime(2000);
    expect(beats.filter((member) => member === late)).toHaveLength(3);
  });

  it('does not call a member that has gone, or one that another’s beat took away', () => {
    const all = members(100);
    const called = new Set<Member>();
    turn(50, all, (member) => {
      called.add(member);
      // The first takes all others with it; they stand in the same slot.
      for (const other of all) if (other !== member) wheel.remove(other);
    });
    wheel.remove(all[0]!);
    jest.advanceTimersByTime(200);
    expect([...called]).toEqual([all[1]]);
    expect(wheel.size).toBe(1);
  });

  it('is silent once it is stopped', () => {
    turn(1000, members(10));
    wheel.stop();
    jest.advanceTimersByTime(5000);
    expect(beats).toEqual([]);
    expect(jest.getTimerCount()).toBe(0);
  });
});
