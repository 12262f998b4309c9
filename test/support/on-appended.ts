import type { Announcement, LogListener } from '../../src/notifier/event-log.js';

/** A listener of a log that cares for appends alone. */
export function onAppended(appended: (announcements: readonly Announcement[]) => void): LogListener {
  return { appended, dropped: () => undefined, missed: () => undefined };
}
