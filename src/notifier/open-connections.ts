import type { Close } from './close.js';
import type { Metrics } from './metrics.js';

/** A connection of any kind, as far as its number and its end are concerned. */
export interface Member {
  /** The peer's address; it never changes. */
  readonly address: string;

  /** How this server ended it, once it has. */
  readonly ending: Close | undefined;

  /** Whether it was cut because its peer showed no sign of life. */
  readonly isLost: boolean;

  /** Says why and ends it, whatever it is doing. */
  end(close: Close): void;

  /** Ends it at once, without a word. */
  terminate(): void;
}

/** All connections of this node, subscribed or not, whatever they run over. */
export class OpenConnections {
  private readonly members = new Set<Member>();
  /** Filled only where it matters: with 100,000 addresses it holds 10 MB. */
  private readonly countOf = new Map<string, number>();

  constructor(
    readonly max: number,
    private readonly maxPerAddress = Infinity,
    private readonly metrics?: Metrics,
  ) {}

  /** Counts a connection in, until `release()`. @returns why it must be ended, if it is one too many */
  admit(member: Member): Close | undefined {
    this.members.add(member);
    if (this.countFrom(member.address, 1) > this.maxPerAddress) {
      return { reason: 'try again later', detail: 'too many connections from this address' };
    }
    return this.members.size > this.max
      ? { reason: 'try again later', detail: 'too many connections' }
      : undefined;
  }

  release(member: Member): void {
    if (!this.members.delete(member)) return;
    this.countFrom(member.address, -1);
    this.metrics?.closed(member.ending?.reason);
    if (member.isLost) this.metrics?.lost();
  }

  get count(): number {
    return this.members.size;
  }

  /** All of them, oldest first. */
  all(): readonly Member[] {
    return [...this.members];
  }

  private countFrom(address: string, change: number): number {
    if (this.maxPerAddress === Infinity) return 0;
    const count = (this.countOf.get(address) ?? 0) + change;
    if (count > 0) this.countOf.set(address, count);
    else this.countOf.delete(address);
    return count;
  }
}
