import type { Close } from './close.js';

/** A connection of any kind, as far as its number and its end are concerned. */
export interface Member {
  /** Ends it, whatever it is doing. */
  end(close: Close): void;
}

/** All connections of this node, subscribed or not, whatever they run over. */
export class OpenConnections {
  private readonly members = new Set<Member>();

  constructor(private readonly max: number) {}

  /** Counts a connection in, until `release()`. @returns why it must be ended, if it is one too many */
  admit(member: Member): Close | undefined {
    this.members.add(member);
    return this.members.size > this.max
      ? { reason: 'try again later', detail: 'too many connections' }
      : undefined;
  }

  release(member: Member): void {
    this.members.delete(member);
  }

  get count(): number {
    return this.members.size;
  }

  /** All of them, oldest first. */
  all(): readonly Member[] {
    return [...this.members];
  }
}
