import { setImmediate as turn } from 'node:timers/promises';
import { Waiters } from './wait.js';

/** Places in the program at which whoever comes waits until the test lets it go on. */
export class Gates {
  private readonly shut = new Set<string>();
  private readonly waiting = new Map<string, (() => void)[]>();
  private readonly waiters = new Waiters();

  /** From now on, whoever comes to one of `names` waits there. */
  close(...names: string[]): void {
    for (const name of names) this.shut.add(name);
  }

  /** Lets everyone through, those who wait included. */
  open(...names: string[]): void {
    for (const name of names) {
      this.shut.delete(name);
      this.release(name);
    }
  }

  /** Lets those go on who wait at `name`; it stays shut. */
  release(name: string): void {
    const waiting = this.waiting.get(name) ?? [];
    this.waiting.delete(name);
    for (const go of waiting) go();
  }

  /** To be awaited where the gate is. */
  async pass(name: string): Promise<void> {
    if (!this.shut.has(name)) return;
    await new Promise<void>((go) => {
      this.waiting.set(name, [...(this.waiting.get(name) ?? []), go]);
      this.waiters.changed();
    });
  }

  isWaiting(name: string): boolean {
    return this.waiting.has(name);
  }

  /** Waits until someone waits at `name`. */
  reached(name: string): Promise<void> {
    return this.waiters.until(
      () => this.isWaiting(name),
      () => `nobody came to "${name}"`,
    );
  }
}

/** Lets everything happen that waits for nothing from outside. */
export async function settle(): Promise<void> {
  for (let i = 0; i < 4; i++) await turn();
}
