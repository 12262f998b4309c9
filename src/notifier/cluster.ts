import type { Form } from './connection.js';
import type { Sample } from './node-history.js';

/** A connected user and its number of connections on all nodes. */
export interface ConnectedUser {
  readonly accessId: string;
  readonly connections: number;
}

/** One connection of a user, for people who ask why it did not get something. */
export interface ConnectionInfo {
  readonly node: string;
  /** Unix milliseconds. */
  readonly since: number;
  readonly address: string;
  readonly form: Form;
  /** The id of the newest event given to its socket; `null` while it has not begun. */
  readonly position: string | null;
  /** Events in the log that it has not been given. */
  readonly behind: number;
  /** Unix milliseconds. */
  readonly lastSignOfLife: number;
}

/** A node that did not answer in time. */
export interface SilentNode {
  readonly node: string;
  readonly form: 'unknown';
}

/** How a node was doing. */
export interface NodeFigures {
  readonly node: string;
  /** Unix milliseconds; `null` for a node that did not answer in time. */
  readonly startedAt: number | null;
  /** Oldest first; `null` for a node that did not answer in time. */
  readonly samples: readonly Sample[] | null;
}

/** PORT: who is connected, to this node and to the others. */
export abstract class Cluster {
  /**
   * The connected users after `after` (from the first where it is undefined) in UTF-8 byte order, at most `limit`.
   *
   * @param containing only those whose id has this in it
   */
  abstract clients(
    after: string | undefined,
    limit: number,
    containing?: string,
  ): Promise<readonly ConnectedUser[]>;

  /** The connections of one user on all nodes; a node that is silent for 500 ms is named as such. */
  abstract connectionsOf(accessId: string): Promise<readonly (ConnectionInfo | SilentNode)[]>;

  /** What all nodes have sampled after `since` (Unix milliseconds), this one first; a node that is silent for 500 ms is named as such. */
  abstract figures(since: number): Promise<readonly NodeFigures[]>;

  /** Leaves the others, who ask it no longer. */
  async close(): Promise<void> {}
}
