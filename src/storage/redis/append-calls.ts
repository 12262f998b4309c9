import type { PushedEvent } from '../../notifier/event.js';
import { type Keys, partitionOf } from './partitions.js';

/** How a call of `append.lua` takes an idempotency key: claims it, or marks its partition with a claim made elsewhere. */
export const CLAIMED_HERE = 'claim';
export const MARKED_HERE = 'marker';

/** The part of a push that one call of `append.lua` stores. */
export interface AppendCall {
  readonly partitions: readonly number[];
  keys(keys: Keys): string[];
  readonly args: readonly (string | Buffer)[];
}

/** Cuts a push into calls: one for each partition on a cluster, one in all otherwise. */
export function appendCalls(events: readonly PushedEvent[], isCluster: boolean): AppendCall[] {
  const byPartition = [...grouped(events)];
  if (byPartition.length === 0) return [];
  return isCluster ? byPartition.map((entry) => callOf([entry])) : [callOf(byPartition)];
}

type Users = Map<string, PushedEvent[]>;

function grouped(events: readonly PushedEvent[]): Map<number, Users> {
  const byPartition = new Map<number, Users>();
  for (const event of events) {
    const partition = partitionOf(event.accessId);
    let users = byPartition.get(partition);
    if (!users) byPartition.set(partition, (users = new Map()));
    const own = users.get(event.accessId);
    if (own) own.push(event);
    else users.set(event.accessId, [event]);
  }
  return byPartition;
}

function callOf(parts: readonly (readonly [partition: number, users: Users])[]): AppendCall {
  const args: (string | Buffer)[] = [];
  for (const [, users] of parts) {
    args.push(String(users.size));
    for (const events of users.values()) {
      args.push(String(events.length));
      for (const { createdAt, text } of events) args.push(Buffer.from(`${createdAt},${text}`, 'latin1'));
    }
  }
  const keys = (names: Keys) =>
    parts.flatMap(([partition, users]) => [
      names.partition(partition),
      ...[...users.keys()].map((accessId) => names.list(partition, accessId)),
    ]);
  return { partitions: parts.map(([partition]) => partition), keys, args };
}
