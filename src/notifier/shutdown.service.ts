import { setTimeout as delay } from 'node:timers/promises';
import { Injectable, Logger } from '@nestjs/common';
import { Lifecycle } from './lifecycle.js';
import { OpenConnections } from './open-connections.js';
import { NotifierOptions } from './options.js';
import { SubscriptionService } from './subscription.service.js';

/** Closes leave in steps of this length. */
const STEP_MS = 50;

/** Of the grace, what the last clients have to answer their close. */
const FAREWELL_SHARE = 0.2;

/** The window over which clients come back that are sent away at different moments already. */
const RETRY_JITTER_MS = 1000;

/** Goes down in an orderly way: nobody is cut off who could have been told. */
@Injectable()
export class ShutdownService {
  private readonly logger = new Logger(ShutdownService.name);

  constructor(
    private readonly subscriptions: SubscriptionService,
    private readonly connections: OpenConnections,
    private readonly lifecycle: Lifecycle,
    private readonly options: NotifierOptions,
  ) {}

  /**
   * Readiness ends at once; after the delay new pushes and subscriptions are refused and the connections are closed,
   * spread over the grace so that they do not all come back at the same moment.
   *
   * Resolves when nobody is connected any more; who is when the grace is over is cut.
   */
  async run(): Promise<void> {
    const { shutdownDelayMs, shutdownGraceMs } = this.options;
    const ends = performance.now() + shutdownGraceMs;
    this.lifecycle.leave();
    this.logger.log(`going down within ${shutdownGraceMs} ms; connections: ${this.connections.count}`);
    if (this.connections.count > 0) await delay(Math.min(shutdownDelayMs, shutdownGraceMs));
    this.lifecycle.end();
    this.subscriptions.drain(() => ({
      reason: 'restarting',
      retryAfterMs: Math.max(0, Math.ceil(ends - performance.now())) + jitter(),
    }));
    await this.closeAll(ends - (ends - performance.now()) * FAREWELL_SHARE);
    while (this.connections.count > 0 && performance.now() < ends) {
      this.endLatecomers();
      await delay(STEP_MS);
    }
    this.cutAll();
  }

  /** Whoever has connected since, and has not asked for anything yet. */
  private endLatecomers(): void {
    for (const connection of this.connections.all()) {
      if (!connection.ending) connection.end({ reason: 'restarting', retryAfterMs: jitter() });
    }
  }

  /** Those who have not answered: the HTTP server closes, and then the store, only once nobody is connected. */
  private cutAll(): void {
    const silent = this.connections.all();
    if (silent.length === 0) return;
    this.logger.warn(`the grace is over; connections that did not answer and are cut: ${silent.length}`);
    for (const connection of silent) connection.terminate();
  }

  private async closeAll(until: number): Promise<void> {
    const waiting = this.connections.all();
    const steps = Math.max(1, Math.floor((until - performance.now()) / STEP_MS));
    const perStep = Math.ceil(waiting.length / steps);
    for (let i = 0; i < waiting.length; i += perStep) {
      for (const connection of waiting.slice(i, i + perStep)) {
        connection.end({ reason: 'restarting', retryAfterMs: jitter() });
      }
      if (i + perStep < waiting.length) await delay(STEP_MS);
    }
  }
}

function jitter(): number {
  return Math.ceil(Math.random() * RETRY_JITTER_MS);
}
