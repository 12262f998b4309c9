import { BadRequestException, Controller, Get, Header, Req, UseGuards } from '@nestjs/common';
import type { Request } from 'express';
import { Authenticator } from '../notifier/authenticator.js';
import { accessIdFault, eventPrefix } from '../notifier/event.js';
import type { StoredEvent } from '../notifier/event-log.js';
import { EventBufferService } from '../notifier/event-buffer.service.js';
import { formatPosition } from '../notifier/position.js';
import { readQuery, type Query } from '../wire/query.js';
import { ReadScopeGuard } from '../wire/read-scope.guard.js';

const NAMES = ['access_id', 'before', 'limit'];

const DEFAULT_LIMIT = 100;
const MAX_LIMIT = 200;

/** Of a payload: enough to tell it from others, and 200 of them are 200 KiB. */
const MAX_PAYLOAD_BYTES = 1024;

/**
 * One user's log, for people.
 *
 * What events say is told only where everyone may subscribe to it anyway: where subscribers must prove who they are, a key that may read
 * who is connected is no such proof.
 */
@Controller('console/log')
@UseGuards(ReadScopeGuard)
export class LogController {
  constructor(
    private readonly buffer: EventBufferService,
    private readonly authenticator: Authenticator,
  ) {}

  @Get()
  @Header('Cache-Control', 'no-store')
  async log(@Req() request: Request): Promise<object> {
    const query = readQuery(request.url, NAMES);
    const accessId = query['access_id'];
    const fault = accessIdFault(accessId);
    if (fault) throw new BadRequestException(`access_id ${fault}`);
    const before = readInteger(query, 'before', Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER);
    const limit = readInteger(query, 'limit', DEFAULT_LIMIT, MAX_LIMIT);
    const slice = await this.buffer.lookBack(accessId as string, before, limit);
    const { oldest, newest, epoch, events } = slice ?? { oldest: 1, newest: 0, epoch: '', events: [] };
    const payloads = this.authenticator.admitsEveryone;
    const told = events.map((event) => describe(accessId as string, epoch, event, payloads));
    return { access_id: accessId, oldest, newest, payloads, events: told };
  }
}

function describe(accessId: string, epoch: string, event: StoredEvent, withPayload: boolean): object {
  const { seq, tag, createdAt, text } = event;
  const own = {
    id: formatPosition({ epoch, seq, tag }),
    number: seq,
    created_at: createdAt,
    bytes: text.length,
  };
  return withPayload ? { ...own, payload: payloadOf(accessId, event) } : own;
}

/** The payload's JSON text; where it is long, its beginning, up to between two characters, and `…`. */
function payloadOf(accessId: string, { createdAt, text }: StoredEvent): string {
  const begin = eventPrefix(accessId, createdAt).length;
  const whole = Buffer.from(text.slice(begin, -1), 'latin1');
  if (whole.length <= MAX_PAYLOAD_BYTES) return whole.toString();
  return `${new TextDecoder().decode(whole.subarray(0, MAX_PAYLOAD_BYTES), { stream: true })}…`;
}

function readInteger(query: Query, name: string, absent: number, max: number): number {
  const text = query[name];
  if (text === undefined) return absent;
  const value = /^\d{1,16}$/.test(text) ? Number(text) : 0;
  if (value < 1 || value > max) throw new BadRequestException(`${name} must be an integer from 1 to ${max}`);
  return value;
}
