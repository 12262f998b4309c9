import type { IncomingMessage } from 'node:http';
import { bearerToken } from '../wire/credentials.js';
import { readSubscription } from '../wire/first-message.js';
import type { Handshake, Subscribing } from '../wire/first-message.js';
import { readQuery } from '../wire/query.js';

const NAMES = ['access_id', 'timestamp', 'token', 'last_event_id'];

/** A number of JSON (RFC 8259, section 6): what a first message could say, a query can. */
const NUMBER = /^-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?$/;

/**
 * What a `GET` asks for: the members of a first message, from the query and the headers. A header wins over the query.
 *
 * @throws BadRequestException, InvalidSubscriptionError naming the member and what is wrong with it, and what `claimedUser` throws
 */
export function readSubscribeRequest(
  { url, headers }: IncomingMessage,
  claimedUser: Handshake['claimedUser'],
): Subscribing {
  const query = readQuery(url!, NAMES);
  const position = headers['last-event-id'] ?? query['last_event_id'];
  const token = bearerToken(headers) ?? query['token'];
  const timestamp = query['timestamp'];
  const members = {
    ...query,
    access_id: query['access_id'],
    timestamp: timestamp !== undefined && NUMBER.test(timestamp) ? Number(timestamp) : timestamp,
    token,
    last_event_id: position === '' ? null : position,
  };
  return readSubscription(members, { token: undefined, claimedUser });
}
