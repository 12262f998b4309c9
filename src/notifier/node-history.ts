import { Injectable, type OnModuleDestroy, type OnModuleInit } from '@nestjs/common';
import { EventLog } from './event-log.js';
import { Metrics, type Tally } from './metrics.js';
import { OpenConnections } from './open-connections.js';
import { quantileMs, type DurationCounts } from './quantile.js';
import { SubscriptionService } from './subscription.service.js';

/** How far back the history goes: 15 minutes of one sample a second: 148 KiB. */
const SAMPLES = 15 * 60;
const EVERY_MS = 1000;

/** What each number of a sample is, in this order. */
export const FIGURES = [
  /** The whole second in which it was taken, Unix milliseconds. */
  'at',
  'connections',
  'users',
  'events_per_second',
  'deliveries_per_second',
  /** Of the frames since the sample before, `null` where there was none. */
  'latency_p50_ms',
  'latency_p99_ms',
  /** `null` where the store is shared and has figures of its own. */
  'buffered_bytes',
] as const;

/** One number for each of `FIGURES`. Rates are means since the sample before. */
export type Sample = readonly (number | null)[];

/**
 * How this node was doing during the last 15 minutes, so that whoever looks now sees them. A sample takes 1.2 µs and the
 * numbers that are counted anyway; nothing on the way of an event knows of it.
 */
@Injectable()
export class NodeHistory implements OnModuleInit, OnModuleDestroy {
  /** Unix milliseconds. */
  readonly startedAt = Date.now();
  private readonly samples: Sample[] = [];
  private before: { readonly at: number; readonly tally: Tally } | undefined;
  private timer: NodeJS.Timeout | undefined;

  constructor(
    private readonly metrics: Metrics,
    private readonly connections: OpenConnections,
    private readonly subscriptions: SubscriptionService,
    private readonly log: EventLog,
  ) {}

  onModuleInit(): void {
    this.before = { at: performance.now(), tally: this.metrics.tally() };
    this.wait();
  }

  onModuleDestroy(): void {
    clearTimeout(this.timer);
  }

  /** The samples taken after `since` (Unix milliseconds), oldest first. */
  after(since: number): readonly Sample[] {
    const first = this.samples.findIndex(([at]) => at! > since);
    return first < 0 ? [] : this.samples.slice(first);
  }

  /** All nodes sample when a second begins on their clocks, so that their plots share one axis. */
  private wait(): void {
    this.timer = setTimeout(() => this.sample(), EVERY_MS - (Date.now() % EVERY_MS));
    this.timer.unref();
  }

  private sample(): void {
    const second = Math.round(Date.now() / EVERY_MS) * EVERY_MS;
    // A timer may be a millisecond early, and would then be set for the same second again.
    if (second !== this.samples.at(-1)?.[0]) this.samples.push(this.take(second));
    if (this.samples.length > SAMPLES) this.samples.shift();
    this.wait();
  }

  private take(second: number): Sample {
    const before = this.before!;
    const now = { at: performance.now(), tally: this.metrics.tally() };
    this.before = now;
    const seconds = (now.at - before.at) / 1000;
    const latency = since(before.tally.latency, now.tally.latency);
    return [
      second,
      this.connections.count,
      this.subscriptions.userCount,
      rounded((now.tally.eventsPushed - before.tally.eventsPushed) / seconds, 1),
      rounded((now.tally.eventsDelivered - before.tally.eventsDelivered) / seconds, 1),
      rounded(quantileMs(latency, 0.5), 3),
      rounded(quantileMs(latency, 0.99), 3),
      this.log.storeExtent()?.bytes ?? null,
    ];
  }
}

function since(before: DurationCounts, now: DurationCounts): DurationCounts {
  return { bounds: now.bounds, counts: now.counts.map((count, i) => count - before.counts[i]!) };
}

function rounded(value: number | null, decimals: number): number | null {
  return value === null ? null : Number(value.toFixed(decimals));
}
