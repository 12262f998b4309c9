import { Connector } from './connector.js';
import type { ClosedError, Status, SubscribeOptions } from './options.js';
import { platform } from './platform.js';
import { PositionStore } from './position-store.js';
import type { NotifierEvent, Subscribed } from './wire.js';

/** Events that wait for the application, beyond which the connection is let go of until it has caught up: the server's log is the queue. */
const MAX_QUEUED = 1000;

/**
 * Ids of events that arrived: after a gap, the server sends all that it has, and may have been told a position it had forgotten. Ten
 * times what it keeps by default: where it has more, all come again, for each pushes out one that is still to come. Some 0.7 MB at most.
 */
const MAX_REMEMBERED = 10_000;

/** What the application is to be told, in order. Once it has been, the position is `id`. */
interface Item<Payload> {
  readonly id: string | null;
  readonly event?: NotifierEvent<Payload>;
  readonly isGap?: boolean;
}

/**
 * A user's events, each once and in the order of the user's log, over as many connections as it takes.
 *
 * An event is handled, and the position moves past it, when the application asks for the next one.
 */
export class Subscription<Payload = unknown> implements AsyncIterable<NotifierEvent<Payload>> {
  readonly #options: SubscribeOptions;
  readonly #positions: PositionStore;
  readonly #connector: Connector;
  readonly #queue: Item<Payload>[] = [];
  readonly #remembered = new Set<string>();
  #received: string | null = null;
  #wake: (() => void) | undefined;
  #isPaused = false;
  #isOver = false;
  #error: ClosedError | undefined;

  constructor(url: string, options: SubscribeOptions) {
    this.#options = options;
    const href = endpoint(url);
    checkAccessId(options.accessId);
    this.#positions = new PositionStore(
      options.storage,
      options.storageKey ?? `notifier ${href} ${options.accessId ?? ''}`,
    );
    const received = () => this.#received;
    this.#connector = new Connector(href, options, {
      get received() {
        return received();
      },
      subscribed: (subscribed) => this.#subscribed(subscribed),
      events: (events) => this.#arrived(events as readonly NotifierEvent<Payload>[]),
      ended: (error) => this.#ended(error),
    });
    options.signal?.addEventListener('abort', this.close);
    if (options.signal?.aborted) this.close();
    else void this.#start();
  }

  get status(): Status {
    return this.#connector.status;
  }

  /** The id of the last event that the application has handled; `null` before the first. */
  get position(): string | null {
    return this.#positions.position;
  }

  /** Ends the subscription. What has not been handled is not, and comes again when the position is resumed. */
  readonly close = (): void => {
    this.#options.signal?.removeEventListener('abort', this.close);
    this.#connector.close();
    this.#queue.length = 0;
    this.#ended();
  };

  /** Ends when the subscription is closed. @throws ClosedError where the server ended it for good */
  async *[Symbol.asyncIterator](): AsyncGenerator<NotifierEvent<Payload>, void, undefined> {
    try {
      for (;;) {
        const item = this.#queue.shift();
        if (!item) {
          if (this.#error) throw this.#error;
          if (this.#isOver) return;
          await this.#news();
          continue;
        }
        if (item.event) yield item.event;
        if (item.isGap) await this.#options.onGap?.();
        if (item.id !== null) this.#positions.save(item.id);
      }
    } finally {
      this.close();
    }
  }

  async #start(): Promise<void> {
    try {
      this.#received = await this.#positions.load();
    } catch {
      // Nobody knows what was handled: the application must look for itself.
      this.#tell({ id: null, isGap: true });
    }
    if (!this.#isOver) this.#connector.connect();
  }

  #subscribed({ recovered, last_event_id: id }: Subscribed): void {
    if (!recovered || id !== this.#received) this.#tell({ id, isGap: !recovered });
    this.#received = id;
  }

  #arrived(events: readonly NotifierEvent<Payload>[]): void {
    for (const event of events) {
      const { id } = event;
      this.#received = id;
      // No event is told twice, but the position, which a gap put back, must move past it again.
      this.#tell(this.#remembered.has(id) ? { id } : { id, event });
      this.#remember(id);
    }
    if (this.#queue.length <= MAX_QUEUED) return;
    this.#isPaused = true;
    this.#connector.pause();
  }

  #remember(id: string): void {
    this.#remembered.add(id);
    if (this.#remembered.size <= MAX_REMEMBERED) return;
    for (const oldest of this.#remembered) {
      this.#remembered.delete(oldest);
      break;
    }
  }

  #tell(item: Item<Payload>): void {
    this.#queue.push(item);
    this.#wake?.();
  }

  async #news(): Promise<void> {
    // Wait before connecting: what is told of it may close the subscription, and that is news too.
    const news = new Promise<void>((wake) => (this.#wake = wake));
    if (this.#isPaused) {
      this.#isPaused = false;
      this.#connector.connect();
    }
    await news;
  }

  #ended(error?: ClosedError): void {
    this.#isOver = true;
    this.#error ??= error;
    this.#wake?.();
  }
}

/** The address to connect to: where only a server is named, the path is its own. @throws TypeError for what is no URL of a server */
function endpoint(url: string): string {
  const parsed = new platform.URL(url, platform.location?.href);
  if (!/^(http|ws)s?:$/.test(parsed.protocol)) throw new TypeError('url must be of http, https, ws or wss');
  if (parsed.pathname === '/') parsed.pathname = '/subscribe_to_events';
  return parsed.href.replace(/^ws/, 'http');
}

/** Left out it may be: tokens name their user. @throws TypeError */
function checkAccessId(accessId: unknown): void {
  if (accessId === undefined || (typeof accessId === 'string' && accessId !== '')) return;
  throw new TypeError('accessId must be a string that is not empty');
}
