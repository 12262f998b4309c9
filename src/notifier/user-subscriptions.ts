import type { DropCount } from './event-buffer.service.js';
import { SmallSet } from './small-set.js';
import type { Subscription } from './subscription.js';
import { Tail } from './tail.js';

/** All connections of one user on this node, oldest first, and the tail that they share. */
export class UserSubscriptions {
  readonly tail = new Tail();
  readonly all = new SmallSet<Subscription>();
  /** The user's drops after the last one that this node carried out itself. */
  drops = 0;
  /** The store's losses when the drops were last looked at. */
  private losses: number | undefined;
  /** Since when the user has news that its cursors have not been told of, as `performance.now()` gives it. */
  newsSince: number | undefined;

  constructor(
    readonly accessId: string,
    /** Resolves once the user's announcements come. */
    readonly watched: Promise<void>,
  ) {}

  /** Takes note of the drops in the log: in a store that has lost its data they are counted anew. */
  note({ drops, losses }: DropCount): void {
    if (this.losses !== undefined && this.losses !== losses) this.drops = drops;
    this.losses = losses;
  }

  /** The oldest give way to a newer one; one that has yet to prove who it is takes nobody's place. */
  makeRoom(max: number): void {
    const admitted = this.all.toArray().filter(({ admittedUntil }) => admittedUntil !== undefined);
    const excess = Math.max(0, admitted.length - max);
    for (const oldest of admitted.slice(0, excess)) oldest.close({ reason: 'replaced' });
  }

  /** Ends those whose proof is over. @param now Unix milliseconds */
  endExpired(now: number): void {
    this.all.forEach((subscription) => {
      if ((subscription.admittedUntil ?? Infinity) <= now) subscription.close({ reason: 'token expired' });
    });
  }

  /** How many of them have a socket that is full now. */
  get slowReaders(): number {
    let count = 0;
    this.all.forEach(({ connection }) => {
      if (!connection.hasRoom) count++;
    });
    return count;
  }

  /** Lets every cursor read on, then lets go of what none of them will ask for soon. */
  pump(): void {
    this.newsSince = undefined;
    let isNeeded = false;
    this.all.forEach((subscription) => {
      subscription.pump();
      isNeeded ||= subscription.needsTail;
    });
    if (!isNeeded) this.tail.clear();
  }
}
