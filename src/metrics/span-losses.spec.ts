import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { Logger } from '@nestjs/common';
import { SpanLosses } from './span-losses.js';

const REFUSED = Object.assign(new Error('at length'), { code: 'ECONNREFUSED' });

describe('the log of spans that are lost', () => {
  const warnings: unknown[] = [];
  let losses: SpanLosses;

  beforeEach(() => {
    jest.useFakeTimers();
    Logger.overrideLogger({
      log: () => undefined,
      warn: (line: unknown) => void warnings.push(line),
      error: () => undefined,
    });
    losses = new SpanLosses('http://127.0.0.1:4318/v1/traces');
  });

  afterEach(() => {
    jest.useRealTimers();
    Logger.overrideLogger(false);
    warnings.length = 0;
  });

  it('says the first at once, and how many more there were every minute', () => {
    losses.lost(3, REFUSED);
    expect(warnings.splice(0)).toEqual([
      'spans are lost: http://127.0.0.1:4318/v1/traces does not take them (ECONNREFUSED)',
    ]);
    losses.lost(512, REFUSED);
    jest.advanceTimersByTime(59_999);
    losses.lost(8, REFUSED);
    expect(warnings).toEqual([]);
    jest.advanceTimersByTime(1);
    expect(warnings.splice(0)).toEqual(['spans are lost: 520 more in 60 s']);
  });

  it('says it at once again after a minute without any', () => {
    losses.lost(1, REFUSED);
    jest.advanceTimersByTime(60_000);
    losses.lost(1, { code: 503 });
    expect(warnings).toEqual([
      'spans are lost: http://127.0.0.1:4318/v1/traces does not take them (ECONNREFUSED)',
      'spans are lost: http://127.0.0.1:4318/v1/traces does not take them (503)',
    ]);
  });
});
