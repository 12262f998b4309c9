/** Numbers that look random and are the same in every run: a failure names a seed, and the seed brings it back. */
export class Random {
  constructor(private state: number) {}

  /** At least 0, below 1: mulberry32, whose 32 bits of state are plenty for a test. */
  next(): number {
    this.state = (this.state + 0x6d2b79f5) | 0;
    let t = Math.imul(this.state ^ (this.state >>> 15), 1 | this.state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  }

  /** An integer from `min` to `max`. */
  integer(min: number, max: number): number {
    return min + Math.floor(this.next() * (max - min + 1));
  }

  pick<T>(choices: readonly T[]): T {
    return choices[this.integer(0, choices.length - 1)]!;
  }

  chance(probability: number): boolean {
    return this.next() < probability;
  }

  /** Another source, whose numbers do not depend on how often this one is asked. */
  fork(): Random {
    return new Random(this.integer(0, 0x7fffffff));
  }

  /** The same members in another order. */
  shuffled<T>(members: readonly T[]): T[] {
    const rest = [...members];
    return members.map(() => rest.splice(this.integer(0, rest.length - 1), 1)[0]!);
  }
}
