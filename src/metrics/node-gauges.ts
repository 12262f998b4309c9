import { Injectable, type OnModuleInit } from '@nestjs/common';
import { EventLog } from '../notifier/event-log.js';
import { OpenConnections } from '../notifier/open-connections.js';
import { SubscriptionService } from '../notifier/subscription.service.js';
import { PrometheusMetrics } from './prometheus-metrics.js';

/** What there is on this node at the moment at which somebody asks. */
@Injectable()
export class NodeGauges implements OnModuleInit {
  constructor(
    private readonly metrics: PrometheusMetrics,
    private readonly connections: OpenConnections,
    private readonly subscriptions: SubscriptionService,
    private readonly log: EventLog,
  ) {}

  onModuleInit(): void {
    this.addConnections();
    this.addStore();
  }

  private addConnections(): void {
    const { metrics, connections, subscriptions } = this;
    metrics.gauge(
      'notifier_connections',
      'Connections of any kind, subscribed or not',
      () => connections.count,
    );
    metrics.gauge(
      'notifier_connections_max',
      'Connections beyond which newcomers are turned away',
      () => connections.max,
    );
    metrics.gauge('notifier_users', 'Users with a subscription', () => subscriptions.userCount);
    metrics.gauge('notifier_slow_readers', 'Subscriptions whose socket is full', () =>
      subscriptions.countSlowReaders(),
    );
  }

  private addStore(): void {
    const { metrics, log } = this;
    metrics.gauge('notifier_store_ready', 'Whether the store takes writes: 1 or 0', () =>
      Number(log.isReady()),
    );
    if (!log.storeExtent()) return;
    metrics.gauge('notifier_log_bytes', 'Bytes of all that the store keeps', () => log.storeExtent()?.bytes);
    metrics.gauge(
      'notifier_log_bytes_max',
      'Bytes beyond which logs make room',
      () => log.storeExtent()?.maxBytes,
    );
    metrics.counter(
      'notifier_log_events_trimmed_total',
      'Events that the store has let go of',
      () => log.storeExtent()?.trimmed ?? 0,
    );
  }
}
