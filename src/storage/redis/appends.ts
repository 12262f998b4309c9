import type { Arrival, IdempotencyClaim, Push } from '../../notifier/event.js';
import type { AppendResult } from '../../notifier/event-log.js';
import { newTag } from '../../notifier/position.js';
import type { Reply } from '../../redis/redis-script.js';
import type { Answer, RedisServers } from '../../redis/redis-servers.js';
import type { Bounds } from '../bounds.js';
import { appendCalls, type AppendCall, CLAIMED_HERE, MARKED_HERE } from './append-calls.js';
import type { Arrivals } from './arrivals.js';
import { type Keys, partitionOf } from './partitions.js';
import { text } from './replies.js';
import type { ScriptCall } from './script-calls.js';
import { scripts } from './scripts.js';
import { Turns } from './turns.js';

/** Sharded pub/sub, so that a cluster's announcements stay on the server that stored the event. */
export const PUBLISH = 'SPUBLISH';

/** How the calls of a push take its idempotency key. */
interface Claim {
  /** Its kind, digest and lifetime, as `append.lua` takes them. */
  readonly form: readonly string[];
  /** The keys that come before all others, by the first partition of the call. */
  keysAt(partition: number): readonly string[];
}

const UNCLAIMED: Claim = { form: ['', '', '0'], keysAt: () => [] };

/** Stores pushes: one call of `append.lua` each, on a cluster one for each partition. */
export class Appends {
  private readonly turns = new Turns();

  constructor(
    private readonly keys: Keys,
    private readonly servers: RedisServers,
    private readonly bounds: Bounds,
    private readonly arrivals: Arrivals,
    private readonly write: (call: ScriptCall) => Promise<Answer>,
  ) {}

  /** @throws Error where it may or may not be stored */
  async store(push: Push): Promise<AppendResult> {
    return this.servers.isCluster ? this.storeParts(push) : this.storeWhole(push);
  }

  private storeWhole({ events, idempotency, arrival }: Push): Promise<AppendResult> {
    const calls = appendCalls(events, false);
    if (!idempotency) return this.appendAll(calls, UNCLAIMED, arrival);
    const partition = partitionOf(idempotency.key);
    const keys = [this.keys.claim(partition, idempotency.key)];
    const form = [CLAIMED_HERE, idempotency.digest, String(this.bounds.idempotencyTtlMs)];
    const [call = { partitions: [partition], keys: () => [], args: [] }] = calls;
    return this.appendAll([call], { form, keysAt: () => keys }, arrival);
  }

  private async storeParts({ events, idempotency, arrival }: Push): Promise<AppendResult> {
    const claiming = idempotency && this.claim(idempotency);
    // The claim may be with another server than the user: a push whose claim is answered sooner would overtake.
    await this.turns.take(new Set(events.map(({ accessId }) => accessId)), claiming);
    const calls = appendCalls(events, true);
    if (!idempotency) return this.appendAll(calls, UNCLAIMED, arrival);
    const [outcome, name] = (await claiming)!;
    if (outcome === 'conflict') return 'conflict';
    if (calls.length === 0) return outcome === 'known' ? 'repeated' : 'stored';
    // Each partition's part is marked with the claim's name: a repeat completes what was cut off, and no more.
    const form = [MARKED_HERE, name!, String(this.bounds.idempotencyTtlMs + 60_000)];
    const keysAt = (there: number) => [this.keys.marker(there, idempotency.key)];
    return this.appendAll(calls, { form, keysAt }, arrival);
  }

  /** Returns the outcome and the claim's name. */
  private async claim({ key, digest }: IdempotencyClaim): Promise<string[]> {
    const partition = partitionOf(key);
    const keys = [this.keys.claim(partition, key)];
    const args = [digest, String(this.bounds.idempotencyTtlMs)];
    const { reply } = await this.write({ script: scripts.claim, partitions: [partition], keys, args });
    return (reply as Reply[]).map(text);
  }

  private async appendAll(
    calls: readonly AppendCall[],
    claim: Claim,
    arrival: Arrival | undefined,
  ): Promise<AppendResult> {
    const tag = newTag();
    const common = [String(tag), ...claim.form, PUBLISH, this.arrivals.depart(tag, arrival)];
    const outcomes = await Promise.all(
      calls.map(async (call) => {
        const { partitions } = call;
        const keys = [...claim.keysAt(partitions[0]!), ...call.keys(this.keys)];
        const args = [...common, ...call.args];
        const { reply } = await this.write({ script: scripts.append, partitions, keys, args });
        return text(reply) as AppendResult;
      }),
    );
    if (outcomes.includes('conflict')) return 'conflict';
    return outcomes.length > 0 && outcomes.every((outcome) => outcome === 'repeated') ? 'repeated' : 'stored';
  }
}
