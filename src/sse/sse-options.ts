import type { OriginRule } from '../wire/origin-rule.js';

/** What the event stream is told of the configuration. */
export abstract class SseOptions {
  abstract readonly heartbeatMs: number;
  abstract readonly allowsOrigin: OriginRule;
}
