import type { Close } from './close.js';

/** How many connections this node takes, subscribed or not, whatever they run over. */
export class ConnectionLimits {
  private open = 0;

  constructor(private readonly max: number) {}

  /** Counts a connection in. Each call must be matched by one of `release()`, refused or not. */
  admit(): Close | undefined {
    this.open++;
    return this.open > this.max ? { reason: 'try again later', detail: 'too many connections' } : undefined;
  }

  release(): void {
    this.open--;
  }

  get count(): number {
    return this.open;
  }
}
