import { noticedBy, type ConnectionRecord, type PushedRecord, type Recording } from '../recording.js';

/**
 * What was acknowledged while a connection was there has come to it soon, although announcements may be lost. What never came to one that is there in
 * the end is lost, and not late.
 */
export function late(recording: Recording): string[] {
  const pushesTo = new Map<string, PushedRecord[]>();
  for (const push of recording.pushes) pushesTo.set(push.user, [...(pushesTo.get(push.user) ?? []), push]);
  return recording.clients.flatMap(({ user, connections }) =>
    connections.flatMap((connection) => lateOn(connection, pushesTo.get(user) ?? [], recording)),
  );
}

function lateOn(
  { user, node, subscribed, ended = Infinity, received }: ConnectionRecord,
  pushes: readonly PushedRecord[],
  recording: Recording,
): string[] {
  const came = new Map(received.map(({ name, at }) => [name, at]));
  return pushes.flatMap(({ name, began, acknowledged }) => {
    if (acknowledged === undefined || began < (subscribed ?? Infinity) || acknowledged > ended) return [];
    const at = came.get(name) ?? ended;
    if (at <= acknowledged + recording.noticeMs) return [];
    const deadline = noticedBy(recording, acknowledged, node);
    return at > deadline && at !== Infinity
      ? [
          `late: ${name} did not reach a connection of ${user} that was there, for ${deadline - acknowledged} ms`,
        ]
      : [];
  });
}
