import { BadRequestException } from '@nestjs/common';
import type { IdempotencyClaim } from '../notifier/event.js';
import { readIdempotencyKey } from './idempotency-key.js';
import { memberSpan } from './member-span.js';

/** A push over WebSocket: the array of events, and what claims it. */
export interface PushMessage {
  readonly body: Buffer;
  readonly idempotency: IdempotencyClaim | undefined;
}

const OBJECT = /^[ \t\r\n]*\{/;

/**
 * A message of a connector: an array of events, or `{"idempotency_key":"…","events":[…]}`.
 *
 * @param connector whose key it is
 * @throws BadRequestException where it is neither
 */
export function readPushMessage(message: Buffer, connector: string): PushMessage {
  const start = message.toString('latin1', 0, 64);
  if (!OBJECT.test(start)) return { body: message, idempotency: undefined };
  const text = message.toString('latin1');
  const key = memberSpan(text, 'idempotency_key');
  const events = memberSpan(text, 'events');
  if (!key || !events) {
    throw new BadRequestException(
      'a message must be an array of events, or an object with idempotency_key and events',
    );
  }
  assertJson(text, events);
  const body = message.subarray(events.start, events.end);
  return {
    body,
    idempotency: readIdempotencyKey(parsedKey(text.slice(key.start, key.end)), body, connector),
  };
}

/** What stands around the events must be JSON too: an empty array in their place tells. */
function assertJson(text: string, events: { start: number; end: number }): void {
  try {
    JSON.parse(`${text.slice(0, events.start)}[]${text.slice(events.end)}`);
  } catch {
    throw new BadRequestException('body must be valid JSON');
  }
}

function parsedKey(text: string): string {
  const key: unknown = JSON.parse(text);
  if (typeof key !== 'string') throw new BadRequestException('idempotency_key must be a string');
  return key;
}
