import { parsePosition } from '../../../src/notifier/position.js';
import type { ClientRecord, ConnectionRecord, Recording } from '../recording.js';
import { losses, mayRepeat } from '../recording.js';

/** A loss may be noticed so long after it: when somebody first looks at that part of the store. */
const NOTICED_MS = 10_000;

/** A part of a client's life without a declared gap in it: connections, each of which resumes the one before. */
type Stretch = readonly ConnectionRecord[];

function stretches({ connections }: ClientRecord): Stretch[] {
  const all: ConnectionRecord[][] = [];
  for (const connection of connections) {
    if (connection.subscribed === undefined) continue;
    if (all.length === 0 || !connection.recovered) all.push([connection]);
    else all.at(-1)!.push(connection);
  }
  return all;
}

/** None delivered twice, neither to a connection nor to one that resumes it. */
export function doubled(recording: Recording): string[] {
  const pushed = new Map(recording.pushes.map((push) => [push.name, push]));
  const lost = losses(recording, 'events');
  return recording.clients.flatMap((client) =>
    stretches(client).flatMap((stretch) => {
      const seen = new Set<string>();
      return stretch.flatMap(({ user, received }) =>
        received.flatMap(({ id, name }) => {
          const push = pushed.get(name);
          const key = push && mayRepeat(push, lost) ? `${id} ${name}` : name;
          if (seen.has(key)) return [`doubled: ${user} got ${name} twice`];
          seen.add(key);
          return [];
        }),
      );
    }),
  );
}

/** Within a stretch nothing is missing: each event follows on the one before, and each connection begins where its predecessor ended. */
export function holes({ clients }: Recording): string[] {
  return clients.flatMap((client) =>
    stretches(client).flatMap((stretch) => {
      let at: string | undefined;
      return stretch.flatMap(({ user, from, received }) => {
        const begin = at;
        at = from ?? at;
        const wrong =
          begin !== undefined && from !== undefined && !resumes(begin, from)
            ? [`hole: ${user} resumed at ${from} and not at ${begin}`]
            : [];
        const gaps = received.flatMap(({ id, name }) => {
          const before = at;
          at = id;
          return before === undefined || follows(before, id)
            ? []
            : [`hole: ${user} got ${name} (${id}) after ${before}, and no gap was declared`];
        });
        return [...wrong, ...gaps];
      });
    }),
  );
}

/** Whether an event is the next one after a position. A place before the first event may have the store's epoch. */
function follows(before: string, id: string): boolean {
  const [position, next] = [parsePosition(before), parsePosition(id)];
  if (!position || !next) return false;
  if (position.epoch === next.epoch) return next.seq === position.seq + 1;
  return position.tag === 0 && next.seq === 1;
}

function resumes(before: string, from: string): boolean {
  const [position, begin] = [parsePosition(before), parsePosition(from)];
  if (!position || !begin) return false;
  return before === from || (position.tag === 0 && begin.tag === 0);
}

/**
 * A gap is declared only where something may have been lost since the client got its position. Who names the same one again is told again:
 * events after it may be gone.
 */
export function needless(recording: Recording): string[] {
  const lost = losses(recording, 'positions');
  return recording.clients.flatMap(({ user, connections }) =>
    connections.flatMap(({ recovered, subscribed, asked }, i) => {
      if (recovered || subscribed === undefined) return [];
      const since = asked === null ? subscribed : heldSince(connections, i);
      return lost.some(({ began, ended }) => began <= subscribed && ended + NOTICED_MS >= since)
        ? []
        : [`needless: ${user} was told of a gap after ${asked}, and nothing can have been lost`];
    }),
  );
}

/** When the connection began over which a client got the position that it names on its connection number `i`. */
function heldSince(connections: readonly ConnectionRecord[], i: number): number {
  const { asked } = connections[i]!;
  const isSource = ({ from, received }: ConnectionRecord) => (received.at(-1)?.id ?? from) === asked;
  let source = i - 1;
  while (source > 0 && isSource(connections[source - 1]!)) source--;
  return connections[source]?.subscribed ?? 0;
}

/** What was acknowledged while a client was there, or away without a gap, has come; where a push is atomic, all of it or nothing. */
export function lost(recording: Recording): string[] {
  const stored = storedPushes(recording);
  return recording.clients.flatMap((client) => {
    const { user } = client;
    const last = stretches(client).at(-1);
    if (!last) return [`lost: a client of ${user} never got anywhere`];
    if (!client.caughtUp) return [`lost: a client of ${user} never reached the head again`];
    const got = new Set(last.flatMap(({ received }) => received.map(({ name }) => name)));
    const since = last[0]!.subscribed!;
    return recording.pushes
      .filter((push) => push.user === user && push.began > since && !got.has(push.name))
      .flatMap(({ name, acknowledged, push }) => {
        if (acknowledged !== undefined)
          return [`lost: ${user} never got ${name}, which was acknowledged, and no gap was declared`];
        return stored.has(push) ? [`torn: ${user} never got ${name}, and others got what came with it`] : [];
      });
  });
}

/**
 * Nor is anything passed over in what came before a gap: whoever got an event has got all that was acknowledged before that one was pushed. Numbers do not
 * tell, since a store that lost its tail gives them again.
 */
export function passedOver({ clients, pushes }: Recording): string[] {
  const pushed = new Map(pushes.map((push) => [push.name, push]));
  return clients.flatMap((client) =>
    stretches(client).flatMap((stretch) => {
      const names = stretch.flatMap(({ received }) => received.map(({ name }) => name));
      const got = new Set(names);
      const since = stretch[0]!.subscribed!;
      const newest = names.reduce((latest, name) => Math.max(latest, pushed.get(name)?.began ?? 0), 0);
      return pushes
        .filter(({ user, began }) => user === client.user && began > since)
        .filter(({ name, acknowledged = Infinity }) => acknowledged < newest && !got.has(name))
        .map(({ name, user }) => `passed over: ${user} got what came after ${name}, and no gap was declared`);
    }),
  );
}

/** Pushes of which some client has something that it was never told it may have lost. Empty where a push is not atomic. */
function storedPushes({ clients, pushes, isAtomic }: Recording): ReadonlySet<number> {
  if (!isAtomic) return new Set();
  const pushOf = new Map(pushes.map(({ name, push }) => [name, push]));
  const seen = clients.flatMap((client) => stretches(client).at(-1) ?? []);
  return new Set(seen.flatMap(({ received }) => received.map(({ name }) => pushOf.get(name) ?? -1)));
}
