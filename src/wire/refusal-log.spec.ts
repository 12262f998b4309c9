import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import {
  BadRequestException,
  ForbiddenException,
  HttpException,
  Logger,
  UnauthorizedException,
} from '@nestjs/common';
import { PrometheusMetrics } from '../metrics/prometheus-metrics.js';
import type { Close } from '../notifier/close.js';
import { StoreUnavailableError } from '../notifier/event-log.js';
import { RefusalLog } from './refusal-log.js';

const PEER = { address: '192.0.2.1' };

describe('the log of refusals', () => {
  const warnings: unknown[] = [];
  const faults: unknown[] = [];
  let log: RefusalLog;

  beforeEach(() => {
    jest.useFakeTimers();
    Logger.overrideLogger({
      log: () => undefined,
      warn: (line: unknown) => void warnings.push(line),
      error: (line: unknown) => void faults.push(line),
    });
    log = new RefusalLog(new PrometheusMetrics());
  });

  afterEach(() => {
    jest.useRealTimers();
    Logger.overrideLogger(false);
    warnings.length = 0;
    faults.length = 0;
  });

  const refuse = (times = 1) => {
    for (let i = 0; i < times; i++) log.answered('push', new UnauthorizedException('no key'), PEER);
  };
  const close = (ending: Close, accessId?: string) => log.closed({ ...PEER, ending }, accessId);

  it('says what was refused, why, and to whom', () => {
    log.answered('push', new UnauthorizedException('no key'), { ...PEER, connector: 'shop' });
    close({ reason: 'unauthorized', detail: 'token is not valid' }, 'client1');
    expect(warnings).toEqual([
      { msg: 'refused a push: no key', code: 401, ...PEER, connector: 'shop' },
      {
        msg: 'refused a connection: unauthorized: token is not valid',
        code: 4500,
        ...PEER,
        access_id: 'client1',
      },
    ]);
  });

  it('says once what happens often, and how often it happened since every 10 s', () => {
    refuse(3);
    expect(warnings.splice(0)).toHaveLength(1);
    jest.advanceTimersByTime(9999);
    refuse(5);
    expect(warnings).toEqual([]);
    jest.advanceTimersByTime(1);
    expect(warnings.splice(0)).toEqual([
      { msg: 'refused a push: 7 more in 10 s, the last: no key', code: 401 },
    ]);
    refuse(2);
    expect(warnings).toEqual([]);
    jest.advanceTimersByTime(10_000);
    expect(warnings).toEqual([{ msg: 'refused a push: 2 more in 10 s, the last: no key', code: 401 }]);
  });

  it('says in full what came only once more', () => {
    refuse(2);
    warnings.length = 0;
    jest.advanceTimersByTime(10_000);
    expect(warnings).toEqual([{ msg: 'refused a push: no key', code: 401, ...PEER }]);
  });

  it('says it at once again after 10 s without any', () => {
    refuse();
    jest.advanceTimersByTime(10_000);
    refuse();
    expect(warnings).toEqual(
      Array.from({ length: 2 }, () => ({ msg: 'refused a push: no key', code: 401, ...PEER })),
    );
  });

  it('tells kinds apart by what was refused, by the code and by the reason', () => {
    refuse(100);
    log.answered('push', new ForbiddenException('no key'), PEER);
    log.answered('drop', new UnauthorizedException('no key'), PEER);
    log.answered('push', new UnauthorizedException('the key is not known'), PEER);
    expect(warnings).toHaveLength(4);
  });

  it('takes for one kind what differs by a number', () => {
    for (const place of ['events[0]', 'events[12]', 'events[3]'])
      log.answered('push', new BadRequestException(`${place} must be an object`), PEER);
    expect(warnings.splice(0)).toHaveLength(1);
    jest.advanceTimersByTime(10_000);
    expect(warnings).toEqual([
      { msg: 'refused a push: 2 more in 10 s, the last: events[3] must be an object', code: 400 },
    ]);
  });

  it('tells 64 reasons apart, and what else comes by its code', () => {
    const names = Array.from({ length: 100 }, (_, i) => String.fromCodePoint(0x4e00 + i));
    for (const name of names) log.answered('push', new BadRequestException(name), PEER);
    expect(warnings.splice(0)).toHaveLength(65);
    for (let i = 0; i < 2; i++) log.answered('push', new BadRequestException(names[0]), PEER);
    jest.advanceTimersByTime(10_000);
    expect(warnings.splice(0)).toEqual([
      { msg: `refused a push: 2 more in 10 s, the last: ${names[0]}`, code: 400 },
      { msg: `refused a push: 35 more in 10 s, the last: ${names[99]}`, code: 400 },
    ]);
    jest.advanceTimersByTime(10_000);
    refuse();
    expect(warnings).toHaveLength(1);
  });

  it('says what is wrong with the store, which whoever asked is not told', () => {
    log.answered('push', new StoreUnavailableError('ENOSPC'), PEER);
    expect(warnings).toEqual([{ msg: 'refused a push: ENOSPC', code: 503, ...PEER }]);
  });

  it('says each fault of the server, whole', () => {
    const fault = new TypeError('x is not a function');
    log.answered('push', fault, PEER);
    log.answered('push', fault, PEER);
    expect([faults, warnings]).toEqual([[fault, fault], []]);
  });

  it.each([
    ['text frames only', 1003],
    ['try again later', 1013],
    ['no subscription', 4002],
    ['too many messages', 4013],
    ['unauthorized', 4500],
    ['invalid subscription', 4501],
  ] as const)('says that a connection was closed for “%s”', (reason, code) => {
    close({ reason });
    expect(warnings).toEqual([{ msg: expect.stringContaining(reason), code, ...PEER }]);
  });

  it('is silent about what is asked for by mistake, and about connections that ended as they should', () => {
    for (const status of [404, 405, 426]) log.answered('request', new HttpException('no', status), PEER);
    close({ reason: 'dropped' });
    close({ reason: 'token expired' });
    log.closed({ ...PEER, ending: undefined });
    expect([warnings, faults]).toEqual([[], []]);
  });
});
