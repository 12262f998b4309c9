import { ClosedError, type SubscribeOptions } from './options.js';
import { platform } from './platform.js';
import { Subscription } from './subscription.js';
import type { NotifierEvent } from './wire.js';

export { ClosedError } from './options.js';
export type { Status, StatusReport, SubscribeOptions } from './options.js';
export type { WebSocketConstructor } from './platform.js';
export type { PositionStorage } from './position-store.js';
export type { Subscription } from './subscription.js';
export type { TokenOption } from './token-source.js';
export type { NotifierEvent } from './wire.js';

/**
 * A user's events: those missed, then each as it comes, over whatever connection there is.
 *
 * ```js
 * for await (const event of subscribe('https://events.example.com', { accessId: 'client1', since: 0 })) show(event.payload);
 * ```
 *
 * @param url the server, or its `/subscribe_to_events`; in a page, relative ones too
 * @param onEvent what to do with each event, instead of iterating: the next one waits for what it returns. What it throws ends
 *   the subscription and is left unhandled, as from any listener.
 * @throws TypeError where `url` is none of a server, or `accessId` is empty or no string
 */
export function subscribe<Payload = unknown>(
  url: string,
  options: SubscribeOptions,
  onEvent?: (event: NotifierEvent<Payload>) => unknown,
): Subscription<Payload> {
  const subscription = new Subscription<Payload>(url, options);
  if (onEvent) void consume(subscription, onEvent, options);
  return subscription;
}

async function consume<Payload>(
  subscription: Subscription<Payload>,
  onEvent: (event: NotifierEvent<Payload>) => unknown,
  { onStatus }: SubscribeOptions,
): Promise<void> {
  try {
    for await (const event of subscription) await onEvent(event);
  } catch (error) {
    if (!(error instanceof ClosedError)) throw error;
    // The status has said it, to whoever listens; a page that shows nothing for ever must not be silent about it, too.
    if (!onStatus) platform.console.error(`notifier: the subscription has ended: ${error.message}`);
  }
}
