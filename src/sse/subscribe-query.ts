import type { IncomingMessage } from 'node:http';
import { bearerToken } from '../wire/credentials.js';
import { InvalidSubscriptionError, readSubscription } from '../wire/first-message.js';
import type { Handshake, Subscribing } from '../wire/first-message.js';

/** A number of JSON (RFC 8259, section 6): what a first message could say, a query can. */
const NUMBER = /^-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?$/;

/**
 * What a `GET` asks for: the members of a first message, from the query and the headers. A header wins over the query.
 *
 * @throws InvalidSubscriptionError naming the member and what is wrong with it, and what `claimedUser` throws
 */
export function readSubscribeRequest(
  { url, headers }: IncomingMessage,
  claimedUser: Handshake['claimedUser'],
): Subscribing {
  const query = readQuery(url!);
  const position = headers['last-event-id'] ?? query.get('last_event_id');
  const token = bearerToken(headers) ?? query.get('token');
  const timestamp = query.get('timestamp');
  const members = {
    access_id: query.get('access_id'),
    timestamp: timestamp !== undefined && NUMBER.test(timestamp) ? Number(timestamp) : timestamp,
    token,
    last_event_id: position === '' ? null : position,
  };
  return readSubscription(members, { token: undefined, claimedUser });
}

/** Strict where the usual parsers are not: bytes that are no UTF-8 would all become U+FFFD, and two ids one user. */
function readQuery(url: string): ReadonlyMap<string, string> {
  const query = new Map<string, string>();
  const start = url.indexOf('?');
  const pairs = start < 0 ? [] : url.slice(start + 1).split('&');
  for (const pair of pairs.filter(Boolean)) {
    const [name, value] = splitPair(pair).map(decode) as [string, string];
    if (query.has(name)) throw new InvalidSubscriptionError('a parameter must not stand twice in the query');
    query.set(name, value);
  }
  return query;
}

function splitPair(pair: string): [string, string] {
  const equals = pair.indexOf('=');
  return equals < 0 ? [pair, ''] : [pair.slice(0, equals), pair.slice(equals + 1)];
}

/** As a form of a page encodes it: `+` is a space. */
function decode(text: string): string {
  try {
    return decodeURIComponent(text.replaceAll('+', ' '));
  } catch {
    throw new InvalidSubscriptionError('the query must be UTF-8, percent-encoded');
  }
}
