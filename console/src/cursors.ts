import type { Connection, Explanation, Log } from './user-data.js';

/** A connection as a mark on its user's log. */
export interface Cursor extends Connection {
  /** 1, 2, …: as the page calls it. */
  readonly name: number;
  /** The number of the event behind which it stands; `undefined` while it has not begun. */
  readonly at: number | undefined;
}

/** Where each connection stands on the log, oldest connection first. */
export function cursorsOf({ connections }: Explanation, log: Log): Cursor[] {
  const known = new Map(log.events.map(({ id, number }) => [id, number]));
  const there = connections.filter((connection): connection is Connection => connection.form !== 'unknown');
  return there.map((connection, i) => {
    const { position, behind } = connection;
    // The two answers are of two moments: an event that is here says for certain where its cursor stands.
    const at = position === null ? undefined : (known.get(position) ?? Math.max(0, log.newest - behind));
    return { ...connection, name: i + 1, at };
  });
}
