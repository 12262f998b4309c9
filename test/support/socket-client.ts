import type { IncomingMessage } from 'node:http';
import { text } from 'node:stream/consumers';
import { WebSocket, type ClientOptions } from 'ws';
import { Waiters } from './wait.js';

/** An event as a client gets it. */
export interface ReceivedEvent {
  readonly id?: string;
  readonly accessid: string;
  readonly created_at: number;
  readonly payload: unknown;
}

/** What a resumable subscriber is told first. */
export interface SubscribedMessage {
  readonly access_id: string;
  readonly recovered: boolean;
  readonly last_event_id: string;
  readonly heartbeat: number;
  readonly reconnect_within_ms: number;
}

/** An answer to a handshake that is not the upgrade. */
export interface Refusal {
  readonly status: number;
  readonly headers: IncomingMessage['headers'];
  readonly text: string;
}

const SUBSCRIBE_PATH = '/subscribe_to_events';

/** A WebSocket client that remembers everything it was sent. */
export class SocketClient {
  /** Text messages as they came, in order. */
  readonly texts: string[] = [];
  closeCode: number | undefined;
  closeReason = '';
  pings = 0;
  private readonly waiters = new Waiters();

  private constructor(readonly ws: WebSocket) {
    ws.on('message', (data: Buffer) => {
      this.texts.push(data.toString());
      this.waiters.changed();
    });
    ws.on('ping', () => {
      this.pings++;
      this.waiters.changed();
    });
    ws.on('error', () => undefined);
    ws.on('close', (code, reason) => {
      this.closeCode = code;
      this.closeReason = reason.toString();
      this.waiters.changed();
    });
  }

  /**
   * Opens a WebSocket.
   *
   * @param url of the server, with or without a path; without one: where subscribers connect
   * @throws Error where it is not upgraded
   */
  static async connect(url: string, options: ClientOptions = {}): Promise<SocketClient> {
    const client = new SocketClient(new WebSocket(webSocketUrl(url), options));
    let isOpen = false;
    client.ws.once('open', () => {
      isOpen = true;
      client.waiters.changed();
    });
    await client.until(() => isOpen || client.closeCode !== undefined);
    if (!isOpen) throw new Error('the server did not upgrade the connection');
    return client;
  }

  /** Opens a WebSocket and sends `first` as the first message. */
  static async subscribe(url: string, first: object, options: ClientOptions = {}): Promise<SocketClient> {
    const client = await SocketClient.connect(url, options);
    client.send(first);
    return client;
  }

  /** The answer to a handshake that is refused. */
  static refusal(url: string, options: ClientOptions = {}): Promise<Refusal> {
    return new Promise((resolve, reject) => {
      const ws = new WebSocket(webSocketUrl(url), options);
      ws.on('error', reject);
      ws.on('open', () => {
        ws.terminate();
        reject(new Error('the server upgraded the connection'));
      });
      ws.on('unexpected-response', (_request, response) => {
        const { statusCode: status = 0, headers } = response;
        text(response).then((body) => resolve({ status, headers, text: body }), reject);
      });
    });
  }

  /** The messages, parsed. */
  get messages(): unknown[] {
    return this.texts.map((message) => JSON.parse(message) as unknown);
  }

  /** All events of all messages, in the order in which they came. */
  events(): ReceivedEvent[] {
    return this.messages.filter((message) => Array.isArray(message)).flat() as ReceivedEvent[];
  }

  payloads(): unknown[] {
    return this.events().map(({ payload }) => payload);
  }

  ids(): string[] {
    return this.events().map(({ id }) => id!);
  }

  /** What the resumable form begins with; `undefined` while it has not come. */
  subscribed(): SubscribedMessage | undefined {
    const [first] = this.messages as [{ subscribed?: SubscribedMessage }?];
    return first?.subscribed;
  }

  /** Whether the mark of the head has come: the empty array after all that was there at the start. */
  get hasReachedHead(): boolean {
    return this.texts.includes('[]');
  }

  send(message: object | string): void {
    this.ws.send(typeof message === 'string' ? message : JSON.stringify(message));
  }

  /** Waits until `condition` is true; it is asked with every message, ping and close. */
  until(condition: (client: this) => boolean, deadlineMs?: number): Promise<void> {
    const describe = () =>
      `${condition.toString()} with ${this.texts.length} messages, the last one ${this.texts.at(-1)?.slice(0, 200)}, ` +
      `close code ${this.closeCode} ${this.closeReason}`;
    return this.waiters.until(() => condition(this), describe, deadlineMs);
  }

  /** Waits for `count` events in all. */
  async untilEvents(count: number, deadlineMs?: number): Promise<ReceivedEvent[]> {
    await this.until(() => this.events().length >= count, deadlineMs);
    return this.events();
  }

  /** Waits until the connection is closed by whichever side. */
  async closed(): Promise<{ code: number; reason: string }> {
    await this.until(() => this.closeCode !== undefined);
    return { code: this.closeCode!, reason: this.closeReason };
  }

  /** Takes nothing more from the socket. */
  pause(): void {
    this.ws.pause();
  }

  resume(): void {
    this.ws.resume();
  }

  /** Closes the connection as a client does, and waits until it is closed. */
  async close(code = 1000): Promise<void> {
    this.ws.close(code);
    await this.closed();
  }

  /** Cuts the connection. */
  async terminate(): Promise<void> {
    this.ws.terminate();
    await this.closed();
  }
}

function webSocketUrl(url: string): string {
  const parsed = new URL(url.replace(/^http/, 'ws'));
  if (parsed.pathname === '/') parsed.pathname = SUBSCRIBE_PATH;
  return parsed.href;
}
