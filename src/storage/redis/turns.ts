/** Has pushes to the same user go on in the order in which they came, whichever of them is claimed first. */
export class Turns {
  /** Of each user, the push that came last and has not gone on yet. */
  private readonly last = new Map<string, Promise<unknown>>();

  /** Waits until this push is `claimed`, well or not, and so is every one before it that has a user in common with it. */
  async take(accessIds: ReadonlySet<string>, claimed: Promise<unknown> | undefined): Promise<void> {
    const before = [...accessIds].map((accessId) => this.last.get(accessId));
    // Without what they were answered: each turn would keep all before it, for as long as there is always one more.
    const turn = Promise.allSettled([claimed, ...before]).then(() => undefined);
    for (const accessId of accessIds) this.last.set(accessId, turn);
    await turn;
    for (const accessId of accessIds) if (this.last.get(accessId) === turn) this.last.delete(accessId);
  }
}
