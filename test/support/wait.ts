/** Long enough for a busy machine: a test that waits this long has failed. */
export const DEADLINE_MS = 20_000;

interface Waiter {
  readonly condition: () => boolean;
  readonly done: () => void;
}

/** Lets tests wait for conditions of something that says whenever it has changed. */
export class Waiters {
  private readonly waiting = new Set<Waiter>();

  /** Something has changed: whoever's condition is met goes on. */
  changed(): void {
    for (const waiter of this.waiting) if (waiter.condition()) waiter.done();
  }

  /** @param describe what to say of the state where the condition is not met in time */
  until(condition: () => boolean, describe: () => string, deadlineMs = DEADLINE_MS): Promise<void> {
    if (condition()) return Promise.resolve();
    return new Promise((resolve, reject) => {
      const end = (settle: () => void) => {
        clearTimeout(timer);
        this.waiting.delete(waiter);
        settle();
      };
      const waiter = { condition, done: () => end(resolve) };
      const give = () => end(() => reject(new Error(`not within ${deadlineMs} ms: ${describe()}`)));
      const timer = setTimeout(give, deadlineMs);
      this.waiting.add(waiter);
    });
  }
}

/** Waits for a condition of something that does not say when it changes. */
export async function eventually(
  condition: () => boolean | Promise<boolean>,
  what: string,
  deadlineMs = DEADLINE_MS,
): Promise<void> {
  const ends = Date.now() + deadlineMs;
  while (!(await condition())) {
    if (Date.now() > ends) throw new Error(`not within ${deadlineMs} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
