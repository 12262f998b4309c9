import { count } from './terminal.js';

/** Often enough to look alive, too seldom to cost anything. */
const EVERY_MS = 100;
const BAR_WIDTH = 24;

/** How a push is getting on: a bar on a terminal while it runs, and a line at its end. On standard error. */
export class Progress {
  events = 0;
  private readonly since = performance.now();
  private shownAt = -Infinity;

  /** @param totalBytes of the input, where that is known */
  constructor(private readonly totalBytes: number | undefined) {}

  /** @param readBytes of the input, up to here */
  stored(events: number, readBytes: number): void {
    this.events += events;
    const now = performance.now();
    if (!process.stderr.isTTY || now - this.shownAt < EVERY_MS) return;
    this.shownAt = now;
    process.stderr.write(`\r\u001b[K${this.bar(readBytes)}${this.figures()}`);
  }

  remark(text: string): void {
    this.clear();
    process.stderr.write(`${text}\n`);
  }

  finish(): void {
    this.clear();
    process.stderr.write(`pushed ${this.figures()}\n`);
  }

  clear(): void {
    if (process.stderr.isTTY) process.stderr.write('\r\u001b[K');
  }

  private bar(readBytes: number): string {
    if (!this.totalBytes) return '';
    const share = Math.min(1, readBytes / this.totalBytes);
    const full = Math.round(share * BAR_WIDTH);
    return `${'█'.repeat(full)}${'░'.repeat(BAR_WIDTH - full)} ${Math.round(share * 100)} %  `;
  }

  private figures(): string {
    const seconds = (performance.now() - this.since) / 1000;
    const rate = Math.round(this.events / Math.max(seconds, 0.001));
    return `${count(this.events, 'event')} in ${seconds.toFixed(1)} s (${rate.toLocaleString('en')} events/s)`;
  }
}
