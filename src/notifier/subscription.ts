import { Logger } from '@nestjs/common';
import type { Close } from './close.js';
import type { Connection } from './connection.js';
import { Delivery } from './delivery.js';
import { StoreUnavailableError, type Page, type Since } from './event-log.js';
import type { EventBufferService } from './event-buffer.service.js';
import type { Metrics } from './metrics.js';
import type { Position } from './position.js';
import type { StartPoint } from './start-point.js';
import type { Tail } from './tail.js';

/** One for all: a member would cost every idle connection its bytes. */
const logger = new Logger('Subscription');

/**
 * One client's cursor in its user's log.
 *
 * `pump()` reads on from the position while the socket has room, and moves the position. That one loop is replay,
 * live delivery, slow readers, resume, and the repair of whatever an announcement lost; there is no second path and no
 * queue of events.
 */
export class Subscription {
  /** Where the cursor stands: everything up to here has been given to the socket. Unset until it begins. */
  position: Position | undefined;
  /** Until when the client may have the user's events, Unix milliseconds; unset until it has proved that it may. */
  admittedUntil: number | undefined;
  /** The user's drops when it came, as far as that is known. */
  drops: number | undefined;
  /** The store's losses at the start. */
  losses = 0;
  /** Unix milliseconds. */
  readonly since = Date.now();

  private skip: Since | undefined;
  /** Number of the newest event at the start; -1 once the client knows that it has got there. */
  private unmarkedHead = -1;
  private isReading = false;
  private ended = false;

  constructor(
    readonly accessId: string,
    readonly connection: Connection,
    private readonly tail: Tail,
    private readonly buffer: EventBufferService,
    private readonly metrics: Metrics,
    private readonly onEnd: (subscription: Subscription) => void,
  ) {}

  get hasEnded(): boolean {
    return this.ended;
  }

  /** Whether the cursor is on its way to the head and may soon read from the tail. */
  get needsTail(): boolean {
    return this.isReading || (this.canMove() && !this.isAtHead);
  }

  /** Whether all that it knows of has been sent. Only once it has begun. The log may have been ahead of what is announced, at the start. */
  get isAtHead(): boolean {
    return this.position!.seq >= this.unmarkedHead && this.tail.isNewest(this.position!);
  }

  /** Places the cursor. From here on `pump()` has something to do. */
  begin(start: StartPoint): void {
    this.position = start.position;
    this.skip = start.since;
    // What it has outlived was noted when it came: of what was counted since, some may have been meant for it.
    this.drops ??= start.drops;
    this.losses = start.losses;
    this.unmarkedHead = start.headSeq;
  }

  /** Sends what there is to send, as long as the socket has room. Cheap where there is nothing. */
  pump(): void {
    while (this.canMove()) {
      if (this.isAtHead) return this.markHead();
      const delivery = this.skip ? undefined : this.tail.deliveryAfter(this.position!, this.connection.form);
      if (!delivery) return this.readLog(this.position!);
      this.deliver(delivery);
    }
  }

  /** Believes no announcement: asks the log for what may have come. */
  lookAgain(): void {
    this.tail.forget();
    this.pump();
  }

  /** Ends the connection of a user who was dropped, with what was pushed before: it may be why. */
  drop(): void {
    this.pump();
    this.close({ reason: 'dropped' });
  }

  /** Says why and ends the connection. */
  close(close: Close): void {
    if (this.ended) return;
    this.end();
    this.connection.close(close);
  }

  /** The connection is gone or going: nothing more is sent to it. */
  end(): void {
    if (this.ended) return;
    this.ended = true;
    this.onEnd(this);
  }

  private canMove(): boolean {
    return this.position !== undefined && !this.isReading && !this.ended && this.connection.hasRoom;
  }

  private readLog(position: Position): void {
    this.isReading = true;
    const { version } = this.tail;
    this.buffer.page(this.accessId, position, this.skip, version).then(
      (page) => {
        this.isReading = false;
        if (!this.ended) this.takePage(page, version);
      },
      (error: unknown) => {
        this.isReading = false;
        // A store that does not answer now: the next announcement or position check asks again.
        if (error instanceof StoreUnavailableError) return;
        logger.error(error);
        this.close({ reason: 'internal error' });
      },
    );
  }

  /** @param version the tail's before the page was read */
  takePage(page: Page | undefined, version: number): void {
    if (!page) return this.close({ reason: 'fell behind' });
    if (page.events.length > 0) this.replay(new Delivery(this.connection.form, page.epoch, page.events));
    this.moveTo(page.end);
    // An announcement that came meanwhile knows better where the head is.
    if (page.reachedHead && version === this.tail.version) this.tail.learn(page.end);
    if (page.reachedHead) this.markHead();
    this.pump();
  }

  private replay(delivery: Delivery): void {
    this.deliver(delivery);
    this.metrics.replayed(delivery);
  }

  private deliver(delivery: Delivery): void {
    this.connection.send(delivery);
    this.metrics.delivered(delivery);
    if (!this.connection.hasRoom) this.metrics.filled();
    this.moveTo(delivery.end);
  }

  private moveTo(position: Position): void {
    this.position = position;
    if (this.skip && position.seq >= this.skip.until) this.skip = undefined;
    if (this.unmarkedHead >= 0 && position.seq >= this.unmarkedHead) this.markHead();
  }

  /** Once: all that was there at the start has been sent. */
  private markHead(): void {
    if (this.unmarkedHead < 0) return;
    this.unmarkedHead = -1;
    this.connection.sendHeadReached();
  }
}
