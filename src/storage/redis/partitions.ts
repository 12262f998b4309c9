import { slotOf } from '../../redis/slots.js';

/**
 * Users are spread over this many partitions, each with one hash tag: a batch to 1,000 users is at most 1,024 script calls
 * on the largest cluster, and every slot of 16 has one.
 */
export const PARTITIONS = 1024;

const slots = Array.from({ length: PARTITIONS }, (_, partition) => slotOf(`p${partition}`));

/** The partition of an access id or idempotency key: FNV-1a over its UTF-16 units. Stored data depend on it. */
export function partitionOf(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  return (hash ^ (hash >>> 16)) & (PARTITIONS - 1);
}

/** The hash slot of a partition. */
export function slotOfPartition(partition: number): number {
  return slots[partition]!;
}

/** Names of keys and channels. Nothing but the partition is in braces before a user's id, so that braces in an id do nothing. */
export class Keys {
  constructor(private readonly prefix: string) {}

  partition(partition: number): string {
    return `${this.prefix}:{p${partition}}:h`;
  }

  list(partition: number, accessId: string): string {
    return `${this.prefix}:{p${partition}}:e:${accessId}`;
  }

  claim(partition: number, key: string): string {
    return `${this.prefix}:{p${partition}}:i:${key}`;
  }

  /** What marks a partition's part of a push with its claim, which may be in the same partition. */
  marker(partition: number, key: string): string {
    return `${this.prefix}:{p${partition}}:m:${key}`;
  }

  channel(accessId: string): string {
    return `${this.prefix}:{p${partitionOf(accessId)}}:c:${accessId}`;
  }

  /** A key and a channel of a partition that nothing uses. */
  rehearsal(partition: number): string {
    return `${this.prefix}:{p${partition}}:rehearsal`;
  }

  /** The user of a channel. */
  accessIdOf(channel: string): string {
    return channel.slice(channel.indexOf('}:c:') + 4);
  }
}
