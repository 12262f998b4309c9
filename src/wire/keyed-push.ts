import { BadRequestException } from '@nestjs/common';
import { MAX_DEPTH, type IdempotencyClaim } from '../notifier/event.js';
import { readIdempotencyKey } from './idempotency-key.js';
import { notJson } from './json-body.js';
import { OPEN_BRACE, OPEN_BRACKET, skipSpace } from './json-grammar.js';
import { objectSpans, type ObjectFault, type Span } from './object-spans.js';

/** A push over WebSocket: the array of events, and what claims it. */
export interface PushMessage {
  readonly body: Buffer;
  readonly idempotency: IdempotencyClaim | undefined;
}

/** Of events, the array and an event are around the value of a member. */
const OUTER_LEVELS = 2;

/**
 * A message of a connector: an array of events, or `{"idempotency_key":"…","events":[…]}`. What the array holds is not looked at.
 *
 * @param connector whose key it is
 * @throws BadRequestException where it is an object, and not that one
 */
export function readPushMessage(message: Buffer, connector: string): PushMessage {
  if (message[skipSpace(message, 0)] !== OPEN_BRACE) return { body: message, idempotency: undefined };
  const spans = objectSpans(message, ['idempotency_key', 'events'], MAX_DEPTH + OUTER_LEVELS);
  if (!(spans instanceof Map)) return { body: tooDeep(message, spans), idempotency: undefined };
  return readKeyed(message, spans, connector);
}

/** Whoever reads the events names the one that goes too deep. */
function tooDeep(message: Buffer, { kind, name, start }: ObjectFault): Buffer {
  if (kind === 'no JSON') throw notJson();
  if (name === 'events') return message.subarray(start);
  throw new BadRequestException(`body must be nested at most ${MAX_DEPTH} deep`);
}

function readKeyed(message: Buffer, spans: ReadonlyMap<string, Span>, connector: string): PushMessage {
  const key = spans.get('idempotency_key');
  const events = spans.get('events');
  if (!key && !events) {
    throw new BadRequestException(
      'body must be an array of events, or an object with idempotency_key and events',
    );
  }
  const text = keyIn(message, key);
  if (!events) throw new BadRequestException('events must be an array of events (it is missing)');
  if (message[events.start] !== OPEN_BRACKET)
    throw new BadRequestException('events must be an array of events');
  const body = message.subarray(events.start, events.end);
  return { body, idempotency: readIdempotencyKey(text, body, connector, 'idempotency_key') };
}

function keyIn(message: Buffer, span: Span | undefined): string {
  const key: unknown = span && JSON.parse(message.toString('utf8', span.start, span.end));
  if (typeof key === 'string') return key;
  throw new BadRequestException(`idempotency_key must be a string${span ? '' : ' (it is missing)'}`);
}
