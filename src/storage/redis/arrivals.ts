import { nowMs, type Arrival } from '../../notifier/event.js';

/** Pushes that may be on their way through Redis at once: what 2 s, the longest, bring at 2,000 calls a second. */
const MAX_UNDER_WAY = 4096;

/**
 * When the events that are announced came in. A node knows its own pushes by the tag of their append, so that their ages are
 * those of one steady clock. Of pushes that came to other nodes an announcement carries the time on that node's wall clock, in
 * milliseconds: their ages are as good as the clocks agree, and never below zero.
 */
export class Arrivals {
  private readonly underWay = new Map<number, Arrival>();

  /** Notes a push of this node. @returns what its announcements carry; empty where nobody measures */
  depart(tag: number, arrival: Arrival | undefined): string {
    if (!arrival) return '';
    this.underWay.set(tag, arrival);
    if (this.underWay.size > MAX_UNDER_WAY) this.underWay.delete(this.underWay.keys().next().value!);
    return String(Math.round(Date.now() - (nowMs() - arrival.at)));
  }

  /** The arrival of the push whose append has that tag. @param carried what its announcement carries */
  of(tag: number, carried: string): Arrival | undefined {
    if (carried === '') return undefined;
    return this.underWay.get(tag) ?? { at: nowMs() - Math.max(0, Date.now() - Number(carried)) };
  }
}
