/** An event, as it is handed to the application. `payload` is what `JSON.parse` makes of what was pushed. */
export interface NotifierEvent<Payload = unknown> {
  /** Names this event of this user, for ever. */
  readonly id: string;
  readonly accessid: string;
  /** An integer whose unit and epoch whoever pushes chose. */
  readonly created_at: number;
  readonly payload: Payload;
}

/** What the server says first. */
export interface Subscribed {
  /** False where events that were asked for may be gone. */
  readonly recovered: boolean;
  /** The position just before the first event of this connection. */
  readonly last_event_id: string;
  /** Seconds after which the server shows that a silent connection lives. */
  readonly heartbeat: number;
  /** The window over which to spread the first reconnect. */
  readonly reconnect_within_ms: number;
}

/** What this side says first: the members of a first message. */
export interface Hello {
  readonly access_id?: string | undefined;
  readonly timestamp?: number | undefined;
  readonly token?: string | undefined;
  readonly last_event_id: string | null;
}

/** What a transport tells. Every call but `ended` is a sign of life. */
export interface Receiver {
  subscribed(subscribed: Subscribed): void;
  events(events: readonly NotifierEvent[]): void;
  ended(code: number, reason: string): void;
}

/** One connection, over whatever gets through. */
export interface Transport {
  /** Renews the token of the open connection. Absent where only a new connection can. */
  readonly renew?: (token: string) => void;
  /** Lets go of it. It may still tell things, which nobody should hear. */
  readonly cut: () => void;
}

/** The close code of a connection that broke: it is never sent (RFC 6455, section 7.4.1). */
export const BROKEN = 1006;

export const TOKEN_EXPIRED = 4005;
export const UNAUTHORIZED = 4500;
export const INVALID_SUBSCRIPTION = 4501;
