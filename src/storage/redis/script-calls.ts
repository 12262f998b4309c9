import { randomBytes } from 'node:crypto';
import { StoreUnavailableError } from '../../notifier/event-log.js';
import type { RedisScript } from '../../redis/redis-script.js';
import type { RedisServer } from '../../redis/redis-server.js';
import type { Answer, RedisServers } from '../../redis/redis-servers.js';
import type { Bounds } from '../bounds.js';
import { PARTITIONS, slotOfPartition } from './partitions.js';
import { forReadOnly } from './scripts.js';

/** Of the 2 s in which a push is answered, what replicas get. */
const WAIT_TIMEOUT_MS = 1000;

/** A server's answers that say that it takes no writes for now, of which reading has nothing to fear. */
const REFUSES_WRITES = /^(NOREPLICAS|MISCONF)/;

/** A script, where it runs and what with. */
export interface ScriptCall {
  readonly script: RedisScript;
  /** Those that it touches; the first one says where it runs. On a cluster there is no other. */
  readonly partitions: readonly number[];
  readonly keys: readonly string[];
  readonly args: readonly (string | Buffer)[];
}

/** Calls scripts with what all of them are told (`partition.lua`). */
export class ScriptCalls {
  /** Servers that forget nothing when they restart. */
  readonly durable = new WeakSet<RedisServer>();
  /** The epochs of the partitions as last seen: one that has another or none now was lost, whoever began it anew. */
  readonly epochs: string[] = new Array<string>(PARTITIONS).fill('');

  /** @param clock instead of the server's, for tests */
  constructor(
    private readonly servers: RedisServers,
    private readonly bounds: Bounds,
    private readonly waitReplicas: number,
    private readonly clock: (() => number) | undefined,
  ) {}

  /** @throws StoreUnavailableError: it may or may not have run */
  async run({ script, partitions, keys, args }: ScriptCall): Promise<Answer> {
    const slot = slotOfPartition(partitions[0]!);
    const settings = this.settings(this.servers.serverOf(slot), partitions);
    const all = [seed(), settings, ...args];
    const look = forReadOnly.get(script);
    if (!look) return this.servers.run(script, slot, keys, all);
    try {
      return await this.servers.run(script, slot, keys, all);
    } catch (error) {
      if (!REFUSES_WRITES.test((error as Error).message)) throw error;
      return this.servers.run(look, slot, keys, all);
    }
  }

  /**
   * As `run`, and waits for as many replicas as must have it.
   *
   * @throws StoreUnavailableError: it may or may not have run
   */
  async write(call: ScriptCall): Promise<Answer> {
    const answer = await this.run(call);
    if (this.waitReplicas === 0) return answer;
    const replicas = await answer.server.replicas(this.waitReplicas, WAIT_TIMEOUT_MS);
    // Over a new connection Redis would speak of nothing that was written over the old one.
    if (replicas >= this.waitReplicas && answer.server.generation === answer.generation) return answer;
    throw new StoreUnavailableError(`${replicas} of ${this.waitReplicas} replicas have it`);
  }

  private settings(server: RedisServer | undefined, partitions: readonly number[]): string {
    const { bufferEvents, bufferBytes, bufferTtlMs, headTtlMs } = this.bounds;
    const isWitness = partitions.every((partition) => this.epochs[partition] !== '');
    const isDurable = server !== undefined && this.durable.has(server);
    const flags = [this.waitReplicas, Number(isWitness), Number(isDurable)];
    return [this.clock?.() ?? 0, ...flags, bufferEvents, bufferBytes, bufferTtlMs, headTtlMs].join(' ');
  }
}

/** 96 random bits, from which a script draws epochs. */
function seed(): string {
  return randomBytes(12).toString('base64url');
}
