import { parsePosition } from '../../src/notifier/position.js';
import type { ClientRecord, ConnectionRecord, PushedRecord, Recording } from './recording.js';

/** Whether what was recorded keeps the promises. Each line names one that is broken; none: all are kept. */
export function violations(recording: Recording): string[] {
  const pushed = new Map(recording.pushes.map((push) => [push.name, push]));
  const connections = recording.clients.flatMap((client) => client.connections);
  return [
    ...connections.flatMap((connection) => [
      ...foreign(connection, pushed),
      ...doubled(connection, recording.mayRepeat),
    ]),
    ...ambiguousIds(connections),
    ...disorder(connections),
    ...recording.clients.flatMap((client) => [...holes(client), ...lost(client, recording)]),
    ...afterDrop(recording, pushed),
  ];
}

/** Nobody else's events, and none that nobody pushed. */
function foreign({ user, received }: ConnectionRecord, pushed: ReadonlyMap<string, PushedRecord>): string[] {
  return received.flatMap(({ name, accessId }) => {
    const source = pushed.get(name);
    if (!source) return [`phantom: ${user} got ${name}, which nobody pushed`];
    return source.user === user && accessId === user
      ? []
      : [`foreign: ${user} got ${name} of ${source.user}`];
  });
}

/** None delivered twice to a connection. */
function doubled({ user, received }: ConnectionRecord, mayRepeat: boolean): string[] {
  const seen = new Set<string>();
  return received.flatMap(({ id, name }) => {
    const key = mayRepeat ? `${id} ${name}` : name;
    if (seen.has(key)) return [`doubled: ${user} got ${name} twice on one connection`];
    seen.add(key);
    return [];
  });
}

/** No id for two events. */
function ambiguousIds(connections: readonly ConnectionRecord[]): string[] {
  const names = new Map<string, string>();
  const found = new Set<string>();
  for (const { user, received } of connections) {
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
function disorder(connections: readonly ConnectionRecord[]): string[] {
  const users = new Set(connections.map(({ user }) => user));
  return [...users].flatMap((user) => {
    const followers = new Map<string, Set<string>>();
    for (const { received } of connections.filter((connection) => connection.user === user)) {
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

/** The parts of a client's life between declared gaps. */
function stretches({ connections }: ClientRecord): ConnectionRecord[][] {
  const all: ConnectionRecord[][] = [];
  for (const connection of connections) {
    if (connection.subscribed === undefined) continue;
    if (all.length === 0 || !connection.recovered) all.push([connection]);
    else all.at(-1)!.push(connection);
  }
  return all;
}

/** Between two events of one stretch nothing is missing: their numbers follow on each other. */
function holes(client: ClientRecord): string[] {
  return stretches(client).flatMap((stretch) => {
    const received = stretch.flatMap((connection) => connection.received);
    return received.flatMap(({ id, name }, i) => {
      const before = i > 0 ? parsePosition(received[i - 1]!.id)! : undefined;
      const position = parsePosition(id)!;
      if (before?.epoch !== position.epoch || position.seq === before.seq + 1) return [];
      return [
        `hole: ${client.user} got ${name} (${id}) after ${received[i - 1]!.id}, and no gap was declared`,
      ];
    });
  });
}

/** What was acknowledged while a client was there, or away without a gap, has come. */
function lost(client: ClientRecord, { pushes }: Recording): string[] {
  const last = stretches(client).at(-1);
  if (!last) return [`lost: a client of ${client.user} never got anywhere`];
  if (!client.caughtUp) return [`lost: a client of ${client.user} never reached the head again`];
  const got = new Set(last.flatMap(({ received }) => received.map(({ name }) => name)));
  const since = last[0]!.subscribed!;
  return pushes
    .filter(
      ({ user, began, acknowledged }) => user === client.user && acknowledged !== undefined && began > since,
    )
    .filter(({ name }) => !got.has(name))
    .map(
      ({ name }) => `lost: ${client.user} never got ${name}, which was acknowledged, and no gap was declared`,
    );
}

/** A drop ends what was there before it. */
function afterDrop(
  { clients, drops, dropGraceMs }: Recording,
  pushed: ReadonlyMap<string, PushedRecord>,
): string[] {
  return drops.flatMap((drop) => {
    const over = drop.acknowledged + dropGraceMs;
    const before = clients
      .filter(({ user }) => user === drop.user)
      .flatMap(({ connections }) => connections)
      .filter(({ subscribed }) => subscribed !== undefined && subscribed < drop.began);
    return before.flatMap(({ ended, received }) => {
      const late = received.find(({ name }) => (pushed.get(name)?.began ?? 0) > over);
      if (late) return [`drop: a connection of ${drop.user} that was dropped still got ${late.name}`];
      return (ended ?? Infinity) > over ? [`drop: a connection of ${drop.user} outlived its drop`] : [];
    });
  });
}
