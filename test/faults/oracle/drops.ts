import { noticedBy, type Recording } from '../recording.js';

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
      const deadline = noticedBy(recording, drop.acknowledged, connection.node);
      const silence = connection.node === drop.node ? drop.acknowledged : deadline;
      const late = connection.received.find(({ name }) => (pushed.get(name)?.began ?? 0) > silence);
      if (late) return [`drop: a connection of ${drop.user} that was dropped still got ${late.name}`];
      return (connection.ended ?? Infinity) > deadline
        ? [`drop: a connection of ${drop.user} outlived its drop`]
        : [];
    });
  });
}
