import {
  Global,
  Module,
  type DynamicModule,
  type OnApplicationShutdown,
  type Provider,
} from '@nestjs/common';
import { ApiKeys } from './auth/api-keys.js';
import { AskingAuthenticator } from './auth/asking-authenticator.js';
import { JwtAuthenticator } from './auth/jwt-authenticator.js';
import { OpenAuthenticator } from './auth/open-authenticator.js';
import { OpenConnectors, RateLimitedConnectors } from './auth/open-connectors.js';
import { Tokens } from './auth/tokens.js';
import { LocalCluster } from './cluster/local-cluster.js';
import { RedisCluster } from './cluster/redis-cluster.js';
import type { Config } from './config.js';
import { ConsoleModule } from './console/console.module.js';
import { PageFiles } from './console/page-files.js';
import { connectionLimit } from './descriptors.js';
import { DocsModule } from './docs/docs.module.js';
import { ErrorFilter } from './http/error.filter.js';
import { HttpModule } from './http/http.module.js';
import { PushIntake } from './wire/push-intake.js';
import { PushLimits } from './wire/push-limits.js';
import { MetricsModule } from './metrics/metrics.module.js';
import { PrometheusMetrics } from './metrics/prometheus-metrics.js';
import { Authenticator } from './notifier/authenticator.js';
import { Cluster } from './notifier/cluster.js';
import { OpenConnections } from './notifier/open-connections.js';
import { Connectors } from './notifier/connectors.js';
import { EventLog } from './notifier/event-log.js';
import { Lifecycle } from './notifier/lifecycle.js';
import { Metrics } from './notifier/metrics.js';
import { NodeHistory } from './notifier/node-history.js';
import { NotifierModule } from './notifier/notifier.module.js';
import { NotifierOptions } from './notifier/options.js';
import { SseModule } from './sse/sse.module.js';
import { SseOptions } from './sse/sse-options.js';
import { LmdbEventLog } from './storage/lmdb-event-log.js';
import { RedisEventLog } from './storage/redis-event-log.js';
import { MemoryEventLog } from './storage/memory-event-log.js';
import { WebSocketModule } from './websocket/websocket.module.js';
import { WebSocketOptions } from './websocket/websocket-options.js';
import { BodiesInTheMaking } from './wire/bodies-in-the-making.js';
import { ConnectorAccess } from './wire/connector-access.js';
import { PeerAddresses } from './wire/peer-addresses.js';
import { RefusalLog } from './wire/refusal-log.js';
import { originRule } from './wire/origin-rule.js';
import { APP_FILTER } from '@nestjs/core';

/** What the modules need from outside, for all of them. */
@Global()
@Module({})
class PortsModule implements OnApplicationShutdown {
  constructor(
    private readonly log: EventLog,
    private readonly cluster: Cluster,
    private readonly metrics: Metrics,
  ) {}

  /** After the sockets and the HTTP server are closed. */
  async onApplicationShutdown(): Promise<void> {
    await this.cluster.close();
    await this.log.close();
    await this.metrics.close();
  }

  static with(config: Config, replacements: readonly Provider[]): DynamicModule {
    const providers: Provider[] = [
      { provide: NotifierOptions, useValue: config },
      { provide: PushLimits, useValue: config },
      { provide: WebSocketOptions, useValue: config },
      { provide: SseOptions, useFactory: () => sseOptions(config) },
      { provide: PrometheusMetrics, useFactory: () => openMetrics(config) },
      { provide: Metrics, useExisting: PrometheusMetrics },
      { provide: EventLog, useFactory: () => openLog(config) },
      { provide: Authenticator, useFactory: () => authenticator(config) },
      { provide: Connectors, useFactory: () => connectors(config) },
      { provide: PeerAddresses, useFactory: () => new PeerAddresses(config.trustedProxies) },
      ConnectorAccess,
      {
        provide: OpenConnections,
        useFactory: (metrics: Metrics) =>
          new OpenConnections(
            connectionLimit(config.maxConnections).connections,
            config.maxConnectionsPerAddress,
            metrics,
          ),
        inject: [Metrics],
      },
      { provide: PageFiles, useFactory: () => PageFiles.built() },
      NodeHistory,
      LocalCluster,
      {
        provide: Cluster,
        inject: [LocalCluster],
        useFactory: (local: LocalCluster) => cluster(config, local),
      },
      Lifecycle,
      BodiesInTheMaking,
      PushIntake,
      RefusalLog,
      // Of two providers of a port, the later one counts.
      ...replacements,
    ];
    return { module: PortsModule, imports: [NotifierModule], providers, exports: providers };
  }
}

/** The one file that chooses adapters. */
@Module({})
export class AppModule {
  /** @param replacements providers that take the place of those chosen here */
  static with(config: Config, replacements: readonly Provider[] = []): DynamicModule {
    return {
      module: AppModule,
      imports: [
        PortsModule.with(config, replacements),
        NotifierModule,
        HttpModule,
        WebSocketModule,
        SseModule,
        MetricsModule,
        ConsoleModule,
        DocsModule,
      ],
      providers: [{ provide: APP_FILTER, useClass: ErrorFilter }],
    };
  }
}

function sseOptions({ heartbeatMs, allowedOrigins }: Config): SseOptions {
  return { heartbeatMs, allowsOrigin: originRule(allowedOrigins) };
}

/** Packages that are installed by whoever wants traces. */
const TRACING = [
  '@opentelemetry/api',
  '@opentelemetry/exporter-trace-otlp-http',
  '@opentelemetry/resources',
  '@opentelemetry/sdk-trace-base',
];

/** What traces needs is loaded only where there is somebody to send them to. */
async function openMetrics({ tracesUrl }: Config): Promise<PrometheusMetrics> {
  if (!tracesUrl) return new PrometheusMetrics();
  try {
    const { TracedMetrics } = await import('./metrics/traced-metrics.js');
    return new TracedMetrics(tracesUrl);
  } catch (cause) {
    throw new Error(
      `OTEL_EXPORTER_OTLP_ENDPOINT is set, and what sends traces is not installed: npm install ${TRACING.join(' ')}`,
      {
        cause,
      },
    );
  }
}

function openLog(config: Config): EventLog {
  const { store, dataDir, sync, bounds, redis } = config;
  switch (store) {
    case 'memory':
      return new MemoryEventLog(bounds);
    case 'lmdb':
      return LmdbEventLog.open({ dir: dataDir, sync, bounds });
    case 'redis':
      return new RedisEventLog(bounds, redis);
  }
}

function cluster({ store, redis }: Config, local: LocalCluster): Cluster {
  return store === 'redis' ? new RedisCluster(local, redis.address, redis.prefix) : local;
}

function authenticator({ subscribers }: Config): Authenticator {
  switch (subscribers.by) {
    case 'token':
      return new JwtAuthenticator(new Tokens(subscribers.keys(), subscribers.rules));
    case 'asking':
      return new AskingAuthenticator(subscribers.url);
    case 'nothing':
      return new OpenAuthenticator();
  }
}

function connectors({ apiKeys, eventsPerSecond }: Config): Connectors {
  if (apiKeys.length > 0) return new ApiKeys(apiKeys, eventsPerSecond);
  return eventsPerSecond === undefined ? new OpenConnectors() : new RateLimitedConnectors(eventsPerSecond);
}
