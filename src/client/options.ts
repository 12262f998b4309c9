import type { Signal, WebSocketConstructor } from './platform.js';
import type { PositionStorage } from './position-store.js';
import type { TokenOption } from './token-source.js';

export type Status = 'connecting' | 'open' | 'waiting' | 'closed';

/** What becomes of a subscription's connection. */
export interface StatusReport {
  /** `waiting`: until the next attempt. `closed`: there will be none. */
  readonly status: Status;
  readonly transport: 'websocket' | 'sse';
  /** Why the last connection ended: a close code of the protocol (1006: it broke, or there was none) and what was said with it: by the server, or for 1006 by the platform. */
  readonly code?: number;
  readonly reason?: string;
  /** Milliseconds to the next attempt, while `waiting`. */
  readonly retryInMs?: number;
}

/** What is `undefined` is absent. */
export interface SubscribeOptions {
  /** Whose events. With JWT authentication it may be left out: the token's subject counts. */
  readonly accessId?: string | undefined;
  /** A token, or a function that fetches one: it is asked when one is needed, before it expires, and when it is refused as expired. */
  readonly token?: TokenOption | undefined;
  /** Where to begin if nothing is stored: with the buffered events whose `created_at` is at least this. Absent: with the next event. */
  readonly since?: number | undefined;
  /** Where to keep the position, so that it survives this page or process. Absent: in memory. */
  readonly storage?: PositionStorage | undefined;
  /** The name of the position in the storage. Absent: made of the URL and the access id. */
  readonly storageKey?: string | undefined;
  /** Ends the subscription. */
  readonly signal?: Signal | undefined;
  /** What to connect with where the platform has none, such as the class of the package `ws`; `null`: server-sent events only. */
  readonly WebSocket?: WebSocketConstructor | null | undefined;
  /** What it throws is left unhandled, as from any listener. */
  readonly onStatus?: ((report: StatusReport) => void) | undefined;
  /**
   * Events may be gone: the application must fetch its state anew. It is called between the events before and after the gap, and
   * what comes after waits for what it returns.
   */
  readonly onGap?: (() => unknown) | undefined;
}

/** The server ended the subscription for good. */
export class ClosedError extends Error {
  override readonly name = 'ClosedError';

  constructor(
    /** A close code of the protocol: 4500 unauthorized, 4501 invalid subscription, 4503 dropped, 4504 replaced, … */
    readonly code: number,
    readonly reason: string,
  ) {
    super(`${code} ${reason}`);
  }
}
