import { losses, mayRepeat, type LogRecord, type Recording } from '../recording.js';

/** In the end, the log of each user holds all that was acknowledged since the last loss, once. Nothing is trimmed in a run. */
export function missing(recording: Recording): string[] {
  return recording.logs.flatMap((log) =>
    log.received === undefined
      ? [`missing: nobody can read the log of ${log.user}`]
      : [...absent(recording, log), ...repeated(recording, log)],
  );
}

function absent(recording: Recording, { user, received = [] }: LogRecord): string[] {
  const held = new Set(received.map(({ name }) => name));
  const since = Math.max(0, ...losses(recording, 'events').map(({ ended }) => ended));
  return recording.pushes
    .filter((push) => push.user === user && push.acknowledged !== undefined && push.began > since)
    .filter(({ name }) => !held.has(name))
    .map(({ name }) => `missing: ${name} of ${user} was acknowledged, and the log does not have it`);
}

function repeated(recording: Recording, { user, received = [] }: LogRecord): string[] {
  const lost = losses(recording, 'events');
  const repeatable = new Set(
    recording.pushes.filter((push) => mayRepeat(push, lost)).map(({ name }) => name),
  );
  const seen = new Set<string>();
  return received.flatMap(({ name }) => {
    if (!seen.has(name)) {
      seen.add(name);
      return [];
    }
    return repeatable.has(name) ? [] : [`doubled: the log of ${user} holds ${name} twice`];
  });
}
