/** Lets so many through at once; the others wait in the order in which they came. */
export class Gate {
  private inside = 0;
  private readonly waiting = new Set<() => void>();

  constructor(private readonly max: number) {}

  /**
   * Does `work` once there is a place for it.
   *
   * @throws the reason of `signal` if it is aborted while waiting, and whatever `work` throws
   */
  async through<T>(signal: AbortSignal, work: () => Promise<T>): Promise<T> {
    if (this.inside >= this.max) await this.place(signal);
    else this.inside++;
    try {
      return await work();
    } finally {
      this.leave();
    }
  }

  private place(signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const giveUp = () => {
        this.waiting.delete(resolve);
        reject(signal.reason as Error);
      };
      signal.addEventListener('abort', giveUp, { once: true });
      this.waiting.add(resolve);
    });
  }

  /** A place goes to who waits for one, and is free only where nobody does. */
  private leave(): void {
    const [next] = this.waiting;
    if (!next) return void this.inside--;
    this.waiting.delete(next);
    next();
  }
}
