import { WebSocket } from 'ws';
import {
  subscribe,
  type StatusReport,
  type Subscription,
  type SubscribeOptions,
} from '../../src/client/client.js';
import { Waiters } from './wait.js';

/** An application that uses the client library: what it got, in the order in which it got it. */
export class Listener {
  /** Payloads, and `gap` where a gap was reported. */
  readonly got: unknown[] = [];
  readonly reports: StatusReport[] = [];
  readonly subscription: Subscription;
  private readonly waiters = new Waiters();

  constructor(url: string, options: SubscribeOptions) {
    this.subscription = subscribe(
      url,
      {
        WebSocket,
        onStatus: (report) => {
          this.reports.push(report);
          this.waiters.changed();
        },
        onGap: () => this.note('gap'),
        ...options,
      },
      ({ payload }) => this.note(payload),
    );
  }

  /** Waits until that many payloads and gaps have come. */
  async gets(count: number): Promise<unknown[]> {
    await this.waiters.until(
      () => this.got.length >= count,
      () => `${this.got.length} of ${count}; ${JSON.stringify(this.reports.slice(-4))}`,
    );
    return this.got;
  }

  /** Waits for a report of that status, after the first `after` of all. */
  async isReported(status: StatusReport['status'], after = 0): Promise<StatusReport> {
    const find = () => this.reports.slice(after).find((report) => report.status === status);
    await this.waiters.until(
      () => find() !== undefined,
      () => `no ${status}: ${JSON.stringify(this.reports.slice(-4))}`,
    );
    return find()!;
  }

  private note(what: unknown): void {
    this.got.push(what);
    this.waiters.changed();
  }
}
