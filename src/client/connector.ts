import { ClosedError, type Status, type StatusReport, type SubscribeOptions } from './options.js';
import { overSse } from './over-sse.js';
import { overWebSocket } from './over-websocket.js';
import { platform, type Timer, type WebSocketConstructor } from './platform.js';
import { isFinal, RECONNECT_WITHIN_MS, reconnectDelayMs } from './reconnect.js';
import { TokenSource } from './token-source.js';
import { BROKEN, TOKEN_EXPIRED } from './wire.js';
import type { Hello, NotifierEvent, Receiver, Subscribed, Transport } from './wire.js';

/** What the connections bring, and where the next one goes on. */
export interface Sink {
  /** The id of the last event that arrived, handled or not. */
  readonly received: string | null;
  subscribed(subscribed: Subscribed): void;
  events(events: readonly NotifierEvent[]): void;
  ended(error: ClosedError): void;
}

/** How long a connection may take until the server's first message. */
const CONNECT_MS = 15_000;

/** A sign of life comes at most two heartbeats after the last: one that fell just behind a beat lets the next one pass in silence. */
const DEAD_AFTER_HEARTBEATS = 2.5;

/** Timers cannot be set further ahead (2^31 - 1 ms); what is due later is looked at again then. */
const MAX_TIMER_MS = 2_147_483_647;

/** Where a token could not be fetched while the old one still does. */
const RENEWAL_RETRY_MS = 5000;

/** Keeps a connection up: one attempt after another, over whatever gets through. */
export class Connector {
  #status: Status = 'waiting';
  #transport: Transport | undefined;
  /** Names the attempt; what an earlier one still says is not heard. */
  #attempt = 0;
  #failures = 0;
  #withinMs = RECONNECT_WITHIN_MS;
  #isSse = false;
  /** Whether a connection of that kind has worked before. */
  readonly #hasWorked = { sse: false, websocket: false };
  #deadAfterMs = CONNECT_MS;
  #lastHeard = 0;
  #retry: Timer | undefined;
  #watch: Timer | undefined;
  #renewal: Timer | undefined;
  readonly #WebSocket: WebSocketConstructor | null | undefined;
  readonly #tokens: TokenSource;

  constructor(
    private readonly url: string,
    private readonly options: SubscribeOptions,
    private readonly sink: Sink,
  ) {
    this.#WebSocket = options.WebSocket === undefined ? platform.WebSocket : options.WebSocket;
    this.#tokens = new TokenSource(options.token);
    platform.addEventListener?.('online', this.#online);
    platform.document?.addEventListener('visibilitychange', this.#visible);
  }

  get status(): Status {
    return this.#status;
  }

  /** Whatever was is let go of, and a new attempt begins at once. */
  connect(): void {
    this.#cut();
    const attempt = this.#attempt;
    this.#isSse = this.#choosesSse();
    this.#deadAfterMs = CONNECT_MS;
    this.#hear();
    this.#report('connecting');
    // What was told so may have closed it.
    if (attempt !== this.#attempt) return;
    this.#check();
    this.#tokens.get().then(
      (token) => attempt === this.#attempt && this.#open(token),
      (error: unknown) => attempt === this.#attempt && this.#lost(BROKEN, `no token: ${String(error)}`),
    );
  }

  /** Lets go of the connection until `connect`. */
  pause(): void {
    this.#cut();
    this.#report('waiting');
  }

  /** Ends it for good. */
  close(error?: ClosedError): void {
    if (this.#status === 'closed') return;
    this.#cut();
    platform.removeEventListener?.('online', this.#online);
    platform.document?.removeEventListener('visibilitychange', this.#visible);
    this.#report('closed', error && { code: error.code, reason: error.reason });
  }

  /**
   * WebSockets first. Where they have failed, every second attempt tries the other way; where they have worked before, every fourth,
   * for then it is rather the server that is away.
   */
  #choosesSse(): boolean {
    if (!this.#WebSocket) return true;
    if (this.#hasWorked.websocket) return this.#failures % 4 === 3;
    return this.#failures % 2 === (this.#hasWorked.sse ? 0 : 1);
  }

  #open(token: string | undefined): void {
    const { received } = this.sink;
    const { accessId, since } = this.options;
    const hello: Hello = {
      access_id: accessId,
      // A position says more: beside one, the timestamp would only hide events after a gap.
      timestamp: received === null ? since : undefined,
      token,
      last_event_id: received,
    };
    const receiver = this.#receiver(this.#attempt);
    try {
      this.#transport = this.#isSse
        ? overSse(this.url, hello, receiver)
        : overWebSocket(this.#WebSocket!, this.url, hello, receiver);
    } catch (error) {
      // A page of https may not open ws:, for one.
      this.#lost(BROKEN, String(error));
    }
  }

  #receiver(attempt: number): Receiver {
    const isCurrent = () => attempt === this.#attempt;
    return {
      subscribed: (subscribed) => isCurrent() && this.#subscribed(subscribed),
      events: (events) => {
        if (!isCurrent()) return;
        this.#hear();
        if (events.length > 0) this.sink.events(events);
      },
      ended: (code, reason) => isCurrent() && this.#lost(code, reason),
    };
  }

  #subscribed(subscribed: Subscribed): void {
    this.#failures = 0;
    this.#hasWorked[this.#kind] = true;
    this.#withinMs = subscribed.reconnect_within_ms;
    this.#deadAfterMs = subscribed.heartbeat * 1000 * DEAD_AFTER_HEARTBEATS;
    this.#hear();
    this.#check();
    this.#renewLater(this.#tokens.renewAt - Date.now());
    this.sink.subscribed(subscribed);
    this.#report('open');
  }

  get #kind(): StatusReport['transport'] {
    return this.#isSse ? 'sse' : 'websocket';
  }

  #lost(code: number, reason: string): void {
    if (isFinal(code) || (code === TOKEN_EXPIRED && !this.#tokens.isRenewable)) {
      const error = new ClosedError(code, reason);
      this.close(error);
      return this.sink.ended(error);
    }
    if (this.#status !== 'open') this.#failures++;
    this.#cut();
    if (code === TOKEN_EXPIRED) this.#tokens.forget();
    const retryInMs = reconnectDelayMs(reason, this.#failures, this.#withinMs);
    this.#retry = platform.setTimeout(() => this.connect(), retryInMs);
    this.#report('waiting', { code, reason, retryInMs });
  }

  #cut(): void {
    this.#attempt++;
    this.#transport?.cut();
    this.#transport = undefined;
    for (const timer of [this.#retry, this.#watch, this.#renewal]) platform.clearTimeout(timer);
    this.#retry = undefined;
  }

  #hear(): void {
    this.#lastHeard = Date.now();
  }

  /**
   * By the clock, not by the timer: timers stand still while a laptop sleeps or a page is frozen, and so does `performance.now()` on
   * some platforms. A clock that was set back meanwhile must not hide the silence: nothing was heard later than now.
   */
  #check(): void {
    platform.clearTimeout(this.#watch);
    const now = Date.now();
    this.#lastHeard = Math.min(this.#lastHeard, now);
    const leftMs = this.#lastHeard + this.#deadAfterMs - now;
    if (leftMs <= 0) return this.#lost(BROKEN, 'silent');
    this.#watch = platform.setTimeout(() => this.#check(), leftMs);
  }

  #renewLater(ms: number): void {
    if (ms === Infinity) return;
    this.#renewal = platform.setTimeout(() => void this.#renew(), Math.min(ms, MAX_TIMER_MS));
  }

  async #renew(): Promise<void> {
    const attempt = this.#attempt;
    try {
      const token = await this.#tokens.get();
      if (attempt !== this.#attempt) return;
      if (!this.#transport?.renew) return this.connect();
      this.#transport.renew(token!);
      this.#renewLater(this.#tokens.renewAt - Date.now());
    } catch {
      if (attempt === this.#attempt) this.#renewLater(RENEWAL_RETRY_MS);
    }
  }

  /** The network is another one: whatever was open on the old one is dead, whether it shows or not. */
  readonly #online = () => {
    if (!this.#isPaused()) this.connect();
  };

  readonly #visible = () => {
    if (platform.document!.visibilityState !== 'visible') return;
    if (this.#retry !== undefined) this.connect();
    else if (this.#transport) this.#check();
  };

  #isPaused(): boolean {
    return this.#status === 'waiting' && this.#retry === undefined;
  }

  #report(status: Status, why?: Pick<StatusReport, 'code' | 'reason' | 'retryInMs'>): void {
    this.#status = status;
    try {
      this.options.onStatus?.({ status, transport: this.#kind, ...why });
    } catch (error) {
      // Left unhandled, as from any listener, but not here, where it would leave half of what is under way undone.
      platform.setTimeout(() => {
        throw error;
      }, 0);
    }
  }
}
