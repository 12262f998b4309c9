import type { ConnectionRecord, DropRecord, Recording } from '../recording.js';

/** How long a node may need to be itself again after a fault: connections to be made anew, and a look at all that is there. */
const RECOVERY_MS = 10_000;

/**
 * A drop ends what was there before it: on the node that answered at once, with nothing after the answer; on the others as soon as they
 * can know.
 */
export function afterDrop(recording: Recording): string[] {
  const pushed = new Map(recording.pushes.map((push) => [push.name, push]));
  const connections = recording.clients.flatMap((client) => client.connections);
  return recording.drops.flatMap((drop) => {
    const before = connections.filter(
      ({ user, subscribed }) => user === drop.user && subscribed !== undefined && subscribed < drop.began,
    );
    return before.flatMap((connection) => {
      const deadline = noticedBy(recording, drop, connection);
      const silence = connection.node === drop.node ? drop.acknowledged : deadline;
      const late = connection.received.find(({ name }) => (pushed.get(name)?.began ?? 0) > silence);
      if (late) return [`drop: a connection of ${drop.user} that was dropped still got ${late.name}`];
      return (connection.ended ?? Infinity) > deadline
        ? [`drop: a connection of ${drop.user} outlived its drop`]
        : [];
    });
  });
}

/** When a connection's node must have noticed a drop: soon, but not while it cannot do its work. */
function noticedBy(recording: Recording, { acknowledged }: DropRecord, { node }: ConnectionRecord): number {
  let deadline = acknowledged + recording.dropNoticeMs;
  const hindrances = recording.faults
    .filter(({ hindered }) => hindered.includes(node))
    .toSorted((a, b) => a.began - b.began);
  for (const { began, ended } of hindrances) {
    const free = ended + RECOVERY_MS;
    if (began <= deadline && free >= acknowledged)
      deadline = Math.max(deadline, free + recording.dropNoticeMs);
  }
  return deadline;
}
