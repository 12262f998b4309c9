import { setTimeout as delay } from 'node:timers/promises';
import { push, type Answer } from '../support/http.js';
import { PATIENCE_MS } from './patience.js';
import type { Random } from '../support/random.js';
import type { PushedRecord, Recording } from './recording.js';

const ATTEMPTS = 60;

/** What comes instead of an answer. */
const UNANSWERED = 'unanswered';

/** A connector that pushes until it is told `true`, repeats under idempotency keys, and notes what it was told. */
export class RecordingConnector {
  private static events = 0;
  private static pushes = 0;

  constructor(
    private readonly urls: readonly string[],
    private readonly random: Random,
    private readonly recording: Recording,
  ) {}

  /** Pushes something to some users, as long as it may. */
  async run(users: readonly string[], mayGoOn: () => boolean): Promise<void> {
    while (mayGoOn()) {
      const some = Array.from({ length: this.random.integer(1, 6) }, () => this.random.pick(users));
      if (this.random.chance(0.02)) await this.pushWrong(some);
      else await this.push(this.newEvents(some), this.random.chance(0.9) ? keyOf() : undefined);
      await delay(this.random.integer(0, 40));
    }
  }

  /**
   * Pushes until it is answered `true`; without a key only once, since a repeat might be stored twice.
   *
   * @param firstNode the node that is asked first
   */
  async push(records: readonly PushedRecord[], key: string | undefined, firstNode?: string): Promise<void> {
    const attempts = key === undefined ? 1 : ATTEMPTS;
    for (let attempt = 0; attempt < attempts && !isStored(records); attempt++) {
      if (attempt > 0) await delay(this.random.integer(20, 200));
      await this.attempt(records, bodyOf(records), key, attempt === 0 ? firstNode : undefined);
    }
    // A connector that did not see the answer asks once more.
    if (key !== undefined && isStored(records) && this.random.chance(0.05))
      await this.attempt(records, bodyOf(records), key);
  }

  /** A push with one event that is none: nothing of it is stored. */
  private async pushWrong(users: readonly string[]): Promise<void> {
    const records = this.newEvents(users);
    await this.attempt(records, [...bodyOf(records), { accessid: users[0]!, created_at: 0.5, payload: 0 }]);
  }

  /** An event for each of `users`, to be pushed together. */
  newEvents(users: readonly string[]): PushedRecord[] {
    const number = ++RecordingConnector.pushes;
    const records = users.map((user) => ({
      name: `e${++RecordingConnector.events}`,
      user,
      push: number,
      began: Date.now(),
      acknowledged: undefined,
      settled: Infinity,
      isRefused: false,
    }));
    this.recording.pushes.push(...records);
    return records;
  }

  private async attempt(
    records: readonly PushedRecord[],
    body: ReturnType<typeof bodyOf>,
    key?: string,
    node = this.random.pick(this.urls),
  ): Promise<void> {
    const answer = await answerOf(push(node, body, key === undefined ? {} : { 'Idempotency-Key': key }));
    const now = Date.now();
    const told = typeof answer === 'object' ? String(answer.status) : 'none';
    this.recording.answers[told] = (this.recording.answers[told] ?? 0) + 1;
    for (const record of records) {
      // Whoever asked and heard nothing may have been heard: that attempt may be carried out at any time.
      if (answer === UNANSWERED) open(record);
      else if (!isOpen(record)) record.settled = now;
      if (answer === UNANSWERED || answer === undefined) continue;
      if (answer.status === 200) record.acknowledged ??= now;
      if (answer.status >= 400 && answer.status < 500) record.isRefused = true;
    }
  }
}

/** Pushes of which an attempt may still be under way. */
const openPushes = new WeakSet<PushedRecord>();

function open(record: PushedRecord): void {
  openPushes.add(record);
  record.settled = Infinity;
}

function isOpen(record: PushedRecord): boolean {
  return openPushes.has(record);
}

function isStored([first]: readonly PushedRecord[]): boolean {
  return first?.acknowledged !== undefined;
}

let keys = 0;

/** A key that no other push has. */
export function keyOf(): string {
  return `key-${++keys}`;
}

function bodyOf(records: readonly PushedRecord[]) {
  return records.map(({ user, name }, i) => ({ accessid: user, created_at: i, payload: name as unknown }));
}

async function answerOf(asked: Promise<Answer>): Promise<Answer | undefined | typeof UNANSWERED> {
  const late = delay(PATIENCE_MS, UNANSWERED as typeof UNANSWERED, { ref: false });
  return Promise.race([asked.catch(() => undefined), late]);
}
