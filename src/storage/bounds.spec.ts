import { beforeEach, describe, expect, test } from '@jest/globals';
import { type Clock, HOUR_MS, patientClock, steadyClock } from './bounds.js';

const GRACE_MS = 10_000;

describe('a steady clock', () => {
  let wall: number;
  let passed: number;
  const open = (floor?: number) =>
    steadyClock(
      floor,
      () => wall,
      () => passed,
    );

  beforeEach(() => {
    [wall, passed] = [1_700_000_000_000, 5];
  });

  test('is the system’s, where that goes on and where it is set ahead', () => {
    const clock = open();
    for (const [byWall, ms] of [
      [0, 0],
      [700, 700],
      [HOUR_MS, 0],
      [HOUR_MS, 3],
    ] as const) {
      wall += byWall;
      passed += ms;
      expect(clock()).toBe(wall);
    }
  });

  test('goes on at its pace where the system’s is set back, until that has caught up', () => {
    const clock = open();
    const before = clock();
    wall -= HOUR_MS;
    expect(clock()).toBe(before);
    wall += 7;
    passed += 7;
    expect(clock()).toBe(before + 7);
    wall += HOUR_MS;
    expect(clock()).toBe(before + 7);
    wall += 1;
    expect(clock()).toBe(before + 8);
  });

  test('goes on from a floor that is ahead of the system’s', () => {
    const floor = wall + 365 * 24 * HOUR_MS;
    const clock = open(floor);
    expect(clock()).toBe(floor);
    wall += HOUR_MS;
    passed += HOUR_MS;
    expect(clock()).toBe(floor + HOUR_MS);
  });
});

describe('a patient clock', () => {
  let wall: number;
  let passed: number;
  let clock: Clock;

  beforeEach(() => {
    [wall, passed] = [1_700_000_000_000, 5];
    const steady = steadyClock(
      0,
      () => wall,
      () => passed,
    );
    clock = patientClock(steady, GRACE_MS, () => passed);
  });

  function pass(ms: number): void {
    wall += ms;
    passed += ms;
  }

  test('is the clock, for as long as nobody sets that', () => {
    for (const ms of [0, 0.4, 1, 999, GRACE_MS, 30 * 24 * HOUR_MS]) {
      pass(ms);
      expect(clock()).toBe(wall);
    }
  });

  test('takes no notice of one that is slewed or read late', () => {
    for (let i = 0; i < 100; i++) {
      pass(100);
      wall += 900;
      expect(clock()).toBe(wall);
    }
  });

  test('goes on as before where the clock is set ahead, until the grace is over', () => {
    const before = wall;
    wall += HOUR_MS;
    expect(clock()).toBe(before);
    pass(GRACE_MS - 1);
    expect(clock()).toBe(before + GRACE_MS - 1);
    pass(1);
    expect(clock()).toBe(wall);
    expect(wall).toBe(before + HOUR_MS + GRACE_MS);
  });

  test('adds up what is set ahead within a grace, which begins anew', () => {
    const before = wall;
    wall += HOUR_MS;
    clock();
    pass(GRACE_MS / 2);
    wall += HOUR_MS;
    expect(clock()).toBe(before + GRACE_MS / 2);
    pass(GRACE_MS - 1);
    expect(clock()).toBe(before + GRACE_MS * 1.5 - 1);
    pass(1);
    expect(clock()).toBe(wall);
  });

  test('forgets what was set ahead once its grace is over, though nobody looked then', () => {
    wall += HOUR_MS;
    clock();
    pass(GRACE_MS * 3);
    const before = wall;
    wall += HOUR_MS;
    expect(clock()).toBe(before);
  });

  test('goes on with one that goes on while the system’s is set back and ahead again', () => {
    const before = clock();
    wall -= HOUR_MS;
    pass(GRACE_MS);
    expect(clock()).toBe(before + GRACE_MS);
    wall += HOUR_MS;
    pass(7);
    expect(clock()).toBe(before + GRACE_MS + 7);
  });

  test('never goes back', () => {
    let last = clock();
    for (let i = 0; i < 1000; i++) {
      pass((i * 37) % 997);
      if (i % 7 === 0) wall += HOUR_MS * ((i % 3) - 1);
      const now = clock();
      expect(now).toBeGreaterThanOrEqual(last);
      last = now;
    }
  });
});
