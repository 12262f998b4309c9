/**
 * Of the 2 s in which a push is answered, what those before it get. A claim that takes longer has a server that is gone, or replicas that are: it
 * fails, but for a few.
 */
const PATIENCE_MS = 1500;

/** Has pushes to the same user go on in the order in which they came, whichever of them is claimed first. */
export class Turns {
  /** Of each user, the push that came last and has not gone on yet. */
  private readonly last = new Map<string, Promise<void>>();

  /**
   * Waits until this push is `claimed`, well or not, and so is every one before it that has a user in common with it; not so long
   * that a server that serves none of these users were needed for them.
   */
  async take(accessIds: ReadonlySet<string>, claimed: Promise<unknown> | undefined): Promise<void> {
    const before = new Set([...accessIds].map((accessId) => this.last.get(accessId)));
    const turn = settled([claimed, ...before]);
    for (const accessId of accessIds) this.last.set(accessId, turn);
    await turn;
    for (const accessId of accessIds) if (this.last.get(accessId) === turn) this.last.delete(accessId);
  }
}

/** Without what they were answered: each turn would keep all before it, for as long as there is always one more. */
function settled(promises: readonly unknown[]): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, PATIENCE_MS);
    void Promise.allSettled(promises).then(() => {
      clearTimeout(timer);
      resolve();
    });
  });
}
