/** What one push may hold. */
export abstract class PushLimits {
  abstract readonly maxBodyBytes: number;
  abstract readonly maxBatchEvents: number;
  abstract readonly maxEventBytes: number;
}
