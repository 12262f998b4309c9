import { ROOT_CONTEXT, SpanStatusCode, trace, type Attributes, type Span } from '@opentelemetry/api';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { detectResources, envDetector, resourceFromAttributes } from '@opentelemetry/resources';
import { BasicTracerProvider, BatchSpanProcessor } from '@opentelemetry/sdk-trace-base';
import type { Delivery } from '../notifier/delivery.js';
import type { Arrival, Push } from '../notifier/event.js';
import type { AppendResult } from '../notifier/event-log.js';
import { PrometheusMetrics } from './prometheus-metrics.js';
import { SpanLosses } from './span-losses.js';

/** `ExportResultCode.SUCCESS` of `@opentelemetry/core`, which is not installed by name. */
const EXPORTED = 0;

/** An arrival with the span that began with it. */
interface TracedArrival extends Arrival {
  readonly span: Span;
  /** When the store had done what it promises, Unix milliseconds; unset until then. */
  storedAt?: number;
}

type Spans = Parameters<OTLPTraceExporter['export']>[0];
type Done = Parameters<OTLPTraceExporter['export']>[1];

/** Sends spans; of those that it cannot send, the SDK itself tells nobody. */
class Exporter extends OTLPTraceExporter {
  private readonly losses: SpanLosses;

  constructor(url: URL) {
    super({ url: url.href });
    this.losses = new SpanLosses(url.origin + url.pathname);
  }

  override export(spans: Spans, done: Done): void {
    super.export(spans, (result) => {
      const code: number = result.code;
      if (code !== EXPORTED) this.losses.lost(spans.length, result.error);
      done(result);
    });
  }
}

/**
 * Counts, and makes the spans push → store → deliver. A push that shares its frame with an earlier one has no `deliver` of its own, and
 * connections of a user that share a frame share its span. No span says for whom an event is.
 */
export class TracedMetrics extends PrometheusMetrics {
  private readonly provider: BasicTracerProvider;
  private readonly tracer;
  private readonly seen = new WeakSet<Delivery>();

  /** @param url where spans are sent, by OTLP over HTTP. Headers, sampling and names are read from `OTEL_…`, as everywhere */
  constructor(url: URL) {
    super();
    const own = resourceFromAttributes({ 'service.name': 'notifier' });
    this.provider = new BasicTracerProvider({
      // What the environment says of the service comes later, and counts.
      resource: own.merge(detectResources({ detectors: [envDetector] })),
      spanProcessors: [new BatchSpanProcessor(new Exporter(url))],
    });
    this.tracer = this.provider.getTracer('notifier');
  }

  override arrive(): TracedArrival {
    const { at } = super.arrive();
    return { at, span: this.tracer.startSpan('push', { startTime: at }) };
  }

  override refused(arrival: Arrival): void {
    super.refused(arrival);
    if (isTraced(arrival)) endFailed(arrival.span);
  }

  override appended(push: Push, result: AppendResult, ms: number): void {
    super.appended(push, result, ms);
    const { arrival, events } = push;
    if (!isTraced(arrival)) return;
    const end = super.arrive().at;
    arrival.storedAt = end;
    this.child(arrival, 'store', end - ms, end, {});
    arrival.span.setAttributes({ 'notifier.events': events.length, 'notifier.result': result }).end(end);
  }

  override appendFailed(push: Push): void {
    super.appendFailed(push);
    if (isTraced(push.arrival)) endFailed(push.arrival.span);
  }

  override delivered(delivery: Delivery): void {
    super.delivered(delivery);
    const { arrival, events, form } = delivery;
    if (!isTraced(arrival) || this.seen.has(delivery)) return;
    this.seen.add(delivery);
    const { at } = super.arrive();
    const attributes = { 'notifier.events': events.length, 'notifier.form': form };
    this.child(arrival, 'deliver', arrival.storedAt ?? at, at, attributes);
  }

  override async close(): Promise<void> {
    // A collector that does not answer is no reason not to go.
    await this.provider.shutdown().catch(() => undefined);
  }

  private child(
    { span }: TracedArrival,
    name: string,
    startTime: number,
    end: number,
    attributes: Attributes,
  ) {
    const parent = trace.setSpan(ROOT_CONTEXT, span);
    this.tracer.startSpan(name, { startTime, attributes }, parent).end(end);
  }
}

function isTraced(arrival: Arrival | undefined): arrival is TracedArrival {
  return arrival !== undefined && 'span' in arrival;
}

function endFailed(span: Span): void {
  span.setStatus({ code: SpanStatusCode.ERROR }).end();
}
