/**
 * The closed list of reasons for which this server ends a connection. Each edge has one table from here to its own
 * terms: WebSocket close codes, SSE `event: close`.
 *
 * One rule for clients: 1000, 1002, 1003, 1007 to 1010 and 4500 to 4999 end it; after anything else, reconnect.
 */
export type CloseReason =
  | 'text frames only'
  | 'internal error'
  | 'restarting'
  | 'try again later'
  | 'no subscription'
  | 'token expired'
  | 'fell behind'
  | 'too many messages'
  | 'unauthorized'
  | 'invalid subscription'
  | 'dropped'
  | 'replaced';

/** An end and what is to be said about it. */
export interface Close {
  readonly reason: CloseReason;
  /** What is wrong, for people; never the client's own input. */
  readonly detail?: string | undefined;
  /** When the client should come back, in milliseconds. */
  readonly retryAfterMs?: number | undefined;
}
