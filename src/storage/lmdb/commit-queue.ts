import { StoreUnavailableError } from '../../notifier/event-log.js';
import type { CommitDraft } from './commit-draft.js';

/** A push or a drop that waits for its commit. */
interface Waiting<T> {
  readonly since: number;
  readonly change: (draft: CommitDraft) => T;
  readonly resolve: (result: T) => void;
  readonly reject: (error: StoreUnavailableError) => void;
}

/**
 * Whoever waits longer is told that the store cannot take it. What was begun goes on and is announced when it is done; what was not
 * is let go of, or a disk that hangs would fill the memory.
 */
const MAX_WAIT_MS = 2000;
const LOOK_MS = 250;

/** How long a commit waits for those who were just answered to speak again. A flush takes about as long. */
const GATHER_MS = 1;

/**
 * Group commit: while one commit is on its way to the disk, whatever comes waits, and then shares the next one. 64 pushes at once cost one flush
 * and 10 µs each; each on its own would cost 400 µs.
 *
 * Connectors that push one thing after the other would fall into two halves, each waiting for the other's commit. So a commit waits a moment for as
 * many as were there when the last one ended.
 */
export class CommitQueue {
  private waiting: Waiting<unknown>[] = [];
  private committing: Waiting<unknown>[] = [];
  /** With so many waiting, nobody else is likely to come soon. */
  private expected = 0;
  private endedAt = 0;
  private isEnough: (() => void) | undefined;
  private isRunning = false;
  private watch: NodeJS.Timeout | undefined;

  /** @param commit makes the changes durable as one; rejects where it cannot, and then none of them is made */
  constructor(
    private readonly commit: (changes: readonly ((draft: CommitDraft) => unknown)[]) => Promise<unknown[]>,
  ) {}

  /**
   * Makes a change with the next commit.
   *
   * @throws StoreUnavailableError where the commit failed or takes too long
   */
  add<T>(change: (draft: CommitDraft) => T): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      const waiting: Waiting<T> = { since: performance.now(), change, resolve, reject };
      this.waiting.push(waiting as Waiting<unknown>);
      if (this.waiting.length >= this.expected) this.isEnough?.();
      this.wake();
    });
  }

  /** Whether what is on its way to the disk has been so for longer than anyone waits. */
  get isStuck(): boolean {
    return this.committing.some(isOverdue);
  }

  /** Resolves when nothing waits any more. */
  async drained(): Promise<void> {
    while (this.isRunning) await new Promise(setImmediate);
  }

  private wake(): void {
    if (this.isRunning) return;
    this.isRunning = true;
    this.watch = setInterval(() => this.rejectOverdue(), LOOK_MS);
    // What this turn of the event loop brings shares a commit.
    setImmediate(() => void this.run());
  }

  private async run(): Promise<void> {
    if (performance.now() > this.endedAt + GATHER_MS) this.expected = 0;
    while (this.waiting.length > 0) {
      if (this.waiting.length < this.expected) await this.gather();
      this.committing = this.waiting;
      this.waiting = [];
      await this.commitAll(this.committing);
      this.expected = this.committing.length + this.waiting.length;
      this.endedAt = performance.now();
      this.committing = [];
    }
    this.isRunning = false;
    clearInterval(this.watch);
  }

  private async gather(): Promise<void> {
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, GATHER_MS);
      this.isEnough = () => {
        clearTimeout(timer);
        resolve();
      };
    });
    this.isEnough = undefined;
  }

  private async commitAll(all: readonly Waiting<unknown>[]): Promise<void> {
    try {
      const results = await this.commit(all.map(({ change }) => change));
      all.forEach(({ resolve }, i) => resolve(results[i]));
    } catch (cause) {
      const error = new StoreUnavailableError(cause instanceof Error ? cause.message : String(cause), {
        cause,
      });
      for (const { reject } of all) reject(error);
    }
  }

  private rejectOverdue(): void {
    const overdue = [...this.committing, ...this.waiting].filter(isOverdue);
    if (overdue.length === 0) return;
    this.waiting = this.waiting.filter((waiting) => !isOverdue(waiting));
    const error = new StoreUnavailableError(`the disk takes longer than ${MAX_WAIT_MS} ms`);
    for (const { reject } of overdue) reject(error);
  }
}

function isOverdue({ since }: Waiting<unknown>): boolean {
  return since < performance.now() - MAX_WAIT_MS;
}
