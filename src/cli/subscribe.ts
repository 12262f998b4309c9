import { WebSocket } from 'ws';
import { ClosedError, subscribe, type NotifierEvent } from '../client/client.js';
import { ConnectionRemarks } from './connection-remarks.js';
import { readSecret, urlOf } from './credentials.js';
import { EXIT } from './exit-codes.js';
import { Failure } from './failure.js';
import { dim, printable, remark, say } from './terminal.js';

export interface SubscribeOptions {
  readonly url: string;
  readonly since?: number;
  readonly resume?: string;
  readonly token?: string;
  readonly tokenFile?: string;
  readonly count?: number;
  readonly json?: true;
}

const NAME_USER = 'name the user: notifier subscribe client1';

/** A user's events as they come, over as many connections as it takes. */
export async function follow(accessId: string | undefined, options: SubscribeOptions): Promise<void> {
  const abort = new AbortController();
  const stop = () => abort.abort();
  process.once('SIGINT', stop);
  process.once('SIGTERM', stop);
  const url = urlOf(options, '/subscribe_to_events');
  if (accessId === '') throw new Failure(EXIT.data, 'access_id must not be empty', NAME_USER);
  const subscription = subscribe(url.href, {
    ...(accessId !== undefined && { accessId }),
    ...(options.since !== undefined && { since: options.since }),
    ...tokenOf(options),
    ...positionOf(options),
    WebSocket,
    signal: abort.signal,
    onStatus: new ConnectionRemarks(url.origin).tell,
    onGap: () => remark('some events may be gone: what the server still has follows'),
  });
  const show = process.stdout.isTTY && !options.json ? pretty : JSON.stringify;
  let last: string | undefined;
  try {
    last = await print(subscription, show, options.count ?? Infinity);
  } catch (error) {
    throw error instanceof ClosedError ? failureOf(error, accessId) : error;
  }
  const position = last ?? subscription.position;
  if (position !== null) remark(dim(`go on with --resume ${position}`, process.stderr));
}

/** The file is read again whenever a new token is needed: whoever renews it, renews it here. @throws Failure where it cannot be read now */
function tokenOf({ token, tokenFile }: SubscribeOptions) {
  if (tokenFile === undefined) return token === undefined ? {} : { token };
  readSecret(tokenFile);
  return { token: () => readSecret(tokenFile) };
}

function positionOf({ resume }: SubscribeOptions) {
  return resume === undefined ? {} : { storage: new Map([['position', resume]]), storageKey: 'position' };
}

/**
 * @returns the id of the last of `most` events: the subscription takes an event for handled only when it is asked for the next one;
 *   `undefined` where it ended before
 */
async function print(
  events: AsyncIterable<NotifierEvent>,
  show: (event: NotifierEvent) => string,
  most: number,
): Promise<string | undefined> {
  let printed = 0;
  for await (const event of events) {
    await say(show(event));
    if (++printed >= most) return event.id;
  }
  return undefined;
}

function pretty({ created_at: createdAt, payload, id }: NotifierEvent): string {
  return `${createdAt}  ${printable(JSON.stringify(payload))}  ${dim(id)}`;
}

function failureOf({ code, reason }: ClosedError, accessId: string | undefined): Failure {
  const message = printable(reason || `the server ended it with ${code}`);
  if (code === 4500 || code === 4005) {
    return new Failure(
      EXIT.refused,
      message,
      'show a token with --token-file; notifier token check says what is wrong with one',
    );
  }
  if (code === 4501) {
    const isNameless = accessId === undefined && reason.includes('access_id');
    const hint = isNameless ? NAME_USER : 'see notifier subscribe --help';
    return new Failure(EXIT.data, message, hint);
  }
  if (code === 4503) return new Failure(EXIT.ended, message, 'the back end ended it with a drop');
  if (code === 4504) return new Failure(EXIT.ended, message, 'newer connections of this user took its place');
  return new Failure(EXIT.fault, message, `close code ${code}: see docs/protocol.md`);
}
