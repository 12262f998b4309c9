/** Ticks are at least this far apart, so that 100,000 timers become one. */
const MIN_TICK_MS = 50;
const MAX_SLOTS = 256;

/** Calls `beat` for every member once a period, spread evenly over it, with one timer for all. */
export class HeartbeatWheel<T extends object> {
  private readonly slots: Set<T>[];
  private readonly slotOf = new Map<T, Set<T>>();
  private readonly tickMs: number;
  private hand = 0;
  private next = 0;
  private timer: NodeJS.Timeout | undefined;

  constructor(
    periodMs: number,
    private readonly beat: (member: T) => void,
  ) {
    const count = Math.max(1, Math.min(MAX_SLOTS, Math.floor(periodMs / MIN_TICK_MS)));
    this.slots = Array.from({ length: count }, () => new Set<T>());
    this.tickMs = periodMs / count;
  }

  start(): void {
    this.timer = setInterval(() => this.tick(), this.tickMs);
  }

  stop(): void {
    clearInterval(this.timer);
  }

  /** How many members there are. */
  get size(): number {
    return this.slotOf.size;
  }

  add(member: T): void {
    const slot = this.slots[this.next++ % this.slots.length]!;
    slot.add(member);
    this.slotOf.set(member, slot);
  }

  remove(member: T): void {
    this.slotOf.get(member)?.delete(member);
    this.slotOf.delete(member);
  }

  private tick(): void {
    const slot = this.slots[this.hand++ % this.slots.length]!;
    for (const member of slot) this.beat(member);
  }
}
