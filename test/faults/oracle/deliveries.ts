import type { PushedRecord, ReceivedRecord, Recording } from '../recording.js';

/** What was seen of one user's log in one go: by a connection, or by whoever read the log in the end. */
interface Sight {
  readonly user: string;
  readonly received: readonly ReceivedRecord[];
}

function sights({ clients, logs }: Recording): Sight[] {
  const read = logs.map(({ user, received = [] }) => ({ user, received }));
  return [...clients.flatMap(({ connections }) => connections), ...read];
}

function byName({ pushes }: Recording): ReadonlyMap<string, PushedRecord> {
  return new Map(pushes.map((push) => [push.name, push]));
}

/** Nobody else's events, none that nobody pushed, and none that was refused. */
export function foreign(recording: Recording): string[] {
  const pushed = byName(recording);
  return sights(recording).flatMap(({ user, received }) =>
    received.flatMap(({ name, accessId }) => {
      const source = pushed.get(name);
      if (!source) return [`phantom: ${user} got ${name}, which nobody pushed`];
      if (source.isRefused) return [`phantom: ${user} got ${name}, which was refused`];
      return source.user === user && accessId === user
        ? []
        : [`foreign: ${user} got ${name} of ${source.user} as ${accessId}`];
    }),
  );
}

/** No id for two events. */
export function ambiguousIds(recording: Recording): string[] {
  const names = new Map<string, string>();
  const found = new Set<string>();
  for (const { user, received } of sights(recording)) {
    for (const { id, name } of received) {
      const key = `${user} ${id}`;
      const known = names.get(key) ?? name;
      names.set(key, known);
      if (known !== name) found.add(`ambiguous: ${id} of ${user} names ${known} and ${name}`);
    }
  }
  return [...found];
}

/** One order for all connections of a user: what came before what, in any of them, has no circle. */
export function disorder(recording: Recording): string[] {
  const all = sights(recording);
  const users = new Set(all.map(({ user }) => user));
  return [...users].flatMap((user) => {
    const followers = new Map<string, Set<string>>();
    for (const { received } of all.filter((sight) => sight.user === user)) {
      for (const [i, { id }] of received.entries()) {
        const after = followers.get(id) ?? new Set();
        followers.set(id, after);
        const next = received[i + 1];
        if (next) after.add(next.id);
      }
    }
    return hasCircle(followers)
      ? [`disorder: connections of ${user} saw its events in different orders`]
      : [];
  });
}

function hasCircle(followers: ReadonlyMap<string, ReadonlySet<string>>): boolean {
  const waiting = new Map<string, number>();
  for (const after of followers.values()) {
    for (const one of after) waiting.set(one, (waiting.get(one) ?? 0) + 1);
  }
  const free = [...followers.keys()].filter((one) => !waiting.has(one));
  let placed = 0;
  for (const one of free) {
    placed++;
    for (const next of followers.get(one) ?? []) {
      const left = waiting.get(next)! - 1;
      waiting.set(next, left);
      if (left === 0) free.push(next);
    }
  }
  return placed < followers.size;
}

/** Events of one push to one user are together, in their order, or not there at all. */
export function torn(recording: Recording): string[] {
  const nextOf = successors(recording.pushes);
  return sights(recording).flatMap(({ user, received }) =>
    received.flatMap(({ name }, i) => {
      const [wanted, got] = [nextOf.get(name), received[i + 1]?.name];
      return wanted === undefined || got === undefined || wanted === got
        ? []
        : [`torn: ${user} got ${got} after ${name}, and not ${wanted} of the same push`];
    }),
  );
}

function successors(pushes: readonly PushedRecord[]): ReadonlyMap<string, string> {
  const next = new Map<string, string>();
  const last = new Map<string, string>();
  for (const { name, user, push } of pushes) {
    const key = `${push} ${user}`;
    const before = last.get(key);
    if (before !== undefined) next.set(before, name);
    last.set(key, name);
  }
  return next;
}
