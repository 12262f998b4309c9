import { Logger } from '@nestjs/common';
import { causeOf } from '../cause.js';

/** Of losses there is a line at once, and then one a minute that says how many more there were: a collector may be away for long. */
const PAUSE_MS = 60_000;

/** Tells operators that spans do not reach their collector, which nothing else shows. */
export class SpanLosses {
  private readonly logger = new Logger('Traces');
  /** Since the last line; absent where there was none for a while. */
  private untold: number | undefined;

  /** @param where the collector, without what its URL may have to hide */
  constructor(private readonly where: string) {}

  /** So many spans are lost. */
  lost(count: number, error: unknown): void {
    if (this.untold !== undefined) {
      this.untold += count;
      return;
    }
    this.logger.warn(`spans are lost: ${this.where} does not take them (${causeOf(error)})`);
    this.pause();
  }

  private pause(): void {
    this.untold = 0;
    setTimeout(() => this.sumUp(), PAUSE_MS).unref();
  }

  private sumUp(): void {
    const { untold } = this;
    this.untold = undefined;
    if (!untold) return;
    this.logger.warn(`spans are lost: ${untold} more in ${PAUSE_MS / 1000} s`);
    this.pause();
  }
}
