import type { SubscribeOptions } from '../../src/client/options.js';
import type { WebSocketLike } from '../../src/client/platform.js';
import { Subscription } from '../../src/client/subscription.js';

type Listener = (event: object) => void;

/** A server's side of the wire, written out: what a real one says only after it has lost something. */
export class ScriptedSocket implements WebSocketLike {
  static readonly opened: ScriptedSocket[] = [];
  readonly sent: string[] = [];
  private readonly listeners = new Map<string, Listener>();

  constructor(readonly url: string) {
    ScriptedSocket.opened.push(this);
  }

  addEventListener(type: string, listener: Listener): void {
    this.listeners.set(type, listener);
  }

  send(text: string): void {
    this.sent.push(text);
  }

  close(): void {}

  open(): void {
    this.listeners.get('open')!({});
  }

  says(message: object): void {
    this.listeners.get('message')!({ data: JSON.stringify(message) });
  }

  ends(code: number, reason = ''): void {
    this.listeners.get('close')!({ code, reason });
  }
}

export const subscribed = (last_event_id: string, recovered = true) => ({
  subscribed: { access_id: 'user', recovered, last_event_id, heartbeat: 30, reconnect_within_ms: 1 },
});
export const event = (id: string) => ({ id, accessid: 'user', created_at: 1, payload: id });

/** The next connection that is made, its first message sent. */
export async function nextSocket(): Promise<ScriptedSocket> {
  while (ScriptedSocket.opened.length === 0) await new Promise((resolve) => setTimeout(resolve, 1));
  const socket = ScriptedSocket.opened.shift()!;
  socket.open();
  return socket;
}

/** A subscription over scripted sockets, and what it is told of gaps. */
export function start(options: Partial<SubscribeOptions> = {}) {
  const got: unknown[] = [];
  const subscription = new Subscription('wss://events.example.com', {
    accessId: 'user',
    since: 7,
    WebSocket: ScriptedSocket,
    onGap: () => got.push('gap'),
    ...options,
  });
  return { got, events: subscription[Symbol.asyncIterator](), subscription };
}
