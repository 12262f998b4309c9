import { afterEach, beforeEach, expect, jest, test } from '@jest/globals';
import { StoreUnavailableError } from '../../notifier/event-log.js';
import type { CommitDraft } from './commit-draft.js';
import { CommitQueue } from './commit-queue.js';

type Change = (draft: CommitDraft) => unknown;

/** Commits that end when the test says so. */
class Disk {
  readonly commits: { changes: readonly Change[]; done: () => void; fail: (error: Error) => void }[] = [];
  readonly queue = new CommitQueue((changes) => this.commit(changes));

  private commit(changes: readonly Change[]): Promise<unknown[]> {
    return new Promise((resolve, reject) => {
      const done = () => resolve(changes.map((change) => change({} as CommitDraft)));
      this.commits.push({ changes, done, fail: reject });
    });
  }
}

let disk: Disk;

beforeEach(() => {
  jest.useFakeTimers({ now: 1000 });
  disk = new Disk();
});

afterEach(() => {
  jest.useRealTimers();
});

test('what comes in one turn shares a commit, and what comes during it the next one', async () => {
  const first = [disk.queue.add(() => 'a'), disk.queue.add(() => 'b')];
  await jest.advanceTimersByTimeAsync(1);
  const later = [disk.queue.add(() => 'c'), disk.queue.add(() => 'd')];
  await jest.advanceTimersByTimeAsync(1);
  expect(disk.commits.map(({ changes }) => changes.length)).toEqual([2]);
  disk.commits[0]!.done();
  expect(await Promise.all(first)).toEqual(['a', 'b']);
  await jest.advanceTimersByTimeAsync(1);
  expect(disk.commits.map(({ changes }) => changes.length)).toEqual([2, 2]);
  disk.commits[1]!.done();
  expect(await Promise.all(later)).toEqual(['c', 'd']);
  await jest.advanceTimersByTimeAsync(1);
  expect(jest.getTimerCount()).toBe(0);
});

test('those who were just answered share the next commit with those who waited meanwhile', async () => {
  const first = disk.queue.add(() => 'a');
  await jest.advanceTimersByTimeAsync(1);
  const second = disk.queue.add(() => 'b');
  disk.commits[0]!.done();
  await first;
  await jest.advanceTimersByTimeAsync(0);
  expect(disk.commits.length).toBe(1);
  const third = disk.queue.add(() => 'c');
  await jest.advanceTimersByTimeAsync(0);
  expect(disk.commits.map(({ changes }) => changes.length)).toEqual([1, 2]);
  disk.commits[1]!.done();
  expect(await Promise.all([second, third])).toEqual(['b', 'c']);
});

test('a connector that was alone, or has paused, waits for nobody', async () => {
  for (const name of ['a', 'b']) {
    const added = disk.queue.add(() => name);
    await jest.advanceTimersToNextTimerAsync();
    disk.commits.pop()!.done();
    expect(await added).toBe(name);
  }
  const together = [disk.queue.add(() => 'c'), disk.queue.add(() => 'd')];
  await jest.advanceTimersToNextTimerAsync();
  disk.commits.pop()!.done();
  await Promise.all(together);
  await jest.advanceTimersByTimeAsync(2);
  void disk.queue.add(() => 'e');
  await jest.advanceTimersToNextTimerAsync();
  expect(disk.commits.length).toBe(1);
});

test('a commit that fails is everyone’s who shared it, and nobody else’s', async () => {
  const failed = [disk.queue.add(() => 'a'), disk.queue.add(() => 'b')].map(async (added) => {
    await expect(added).rejects.toBeInstanceOf(StoreUnavailableError);
  });
  await jest.advanceTimersByTimeAsync(1);
  const next = disk.queue.add(() => 'c');
  disk.commits[0]!.fail(new Error('no space left on device'));
  await Promise.all(failed);
  await jest.advanceTimersByTimeAsync(1);
  disk.commits[1]!.done();
  expect(await next).toBe('c');
});

test('a commit that hangs is given up after two seconds by all who wait, and goes on', async () => {
  let made = 0;
  const begun = disk.queue.add(() => made++);
  const begunFails = expect(begun).rejects.toBeInstanceOf(StoreUnavailableError);
  await jest.advanceTimersByTimeAsync(1);
  const waiting = disk.queue.add(() => made++);
  const waitingFails = expect(waiting).rejects.toBeInstanceOf(StoreUnavailableError);
  await jest.advanceTimersByTimeAsync(1900);
  expect(disk.queue.isStuck).toBe(false);
  await jest.advanceTimersByTimeAsync(500);
  await Promise.all([begunFails, waitingFails]);
  expect(disk.queue.isStuck).toBe(true);
  disk.commits[0]!.done();
  await jest.advanceTimersByTimeAsync(1);
  // What had not begun is never made.
  expect(made).toBe(1);
  expect(disk.commits.length).toBe(1);
  expect(disk.queue.isStuck).toBe(false);
  await disk.queue.drained();
});

test.each([3_600_000, -3_600_000])(
  'a clock that is set by %d ms changes nobody’s two seconds',
  async (ms) => {
    const added = disk.queue.add(() => 'a');
    let outcome = 'waits';
    added.then(
      () => (outcome = 'made'),
      () => (outcome = 'given up'),
    );
    await jest.advanceTimersByTimeAsync(1);
    jest.setSystemTime(Date.now() + ms);
    await jest.advanceTimersByTimeAsync(1900);
    expect(outcome).toBe('waits');
    expect(disk.queue.isStuck).toBe(false);
    await jest.advanceTimersByTimeAsync(500);
    expect(outcome).toBe('given up');
    disk.commits[0]!.done();
    await jest.advanceTimersByTimeAsync(1);
    await disk.queue.drained();
  },
);
