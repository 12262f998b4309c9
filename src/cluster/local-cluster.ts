import { randomBytes } from 'node:crypto';
import { hostname } from 'node:os';
import { Injectable } from '@nestjs/common';
import { Cluster, type ConnectedUser, type ConnectionInfo, type NodeFigures } from '../notifier/cluster.js';
import { EventLog } from '../notifier/event-log.js';
import { NodeHistory } from '../notifier/node-history.js';
import { formatPosition } from '../notifier/position.js';
import { SubscriptionService } from '../notifier/subscription.service.js';
import { firstUsers } from './first-users.js';

/** One node is all there is. */
@Injectable()
export class LocalCluster extends Cluster {
  /** This process's name among all. */
  readonly node = `${hostname()}-${randomBytes(3).toString('hex')}`;

  constructor(
    private readonly subscriptions: SubscriptionService,
    private readonly log: EventLog,
    private readonly history: NodeHistory,
  ) {
    super();
  }

  async clients(
    after: string | undefined,
    limit: number,
    containing?: string,
  ): Promise<readonly ConnectedUser[]> {
    const users = this.subscriptions.connectedUsers();
    return firstUsers(containing === undefined ? users : thoseWith(containing, users), after, limit);
  }

  async figures(since: number): Promise<readonly [NodeFigures]> {
    const { startedAt } = this.history;
    return [{ node: this.node, startedAt, samples: this.history.after(since) }];
  }

  async connectionsOf(accessId: string): Promise<readonly ConnectionInfo[]> {
    const subscriptions = this.subscriptions.subscriptionsOf(accessId);
    if (subscriptions.length === 0) return [];
    const { newest, events } = await this.log.extent(accessId);
    return subscriptions.map(({ connection, position, since }) => ({
      node: this.node,
      since,
      address: connection.address,
      form: connection.form,
      position: position ? formatPosition(position) : null,
      behind: Math.min(events, behind(position, newest)),
      lastSignOfLife: connection.lastSignOfLife,
    }));
  }
}

function* thoseWith(text: string, users: Iterable<ConnectedUser>): Generator<ConnectedUser> {
  for (const user of users) if (user.accessId.includes(text)) yield user;
}

type Place = { readonly epoch: string; readonly seq: number };

/** Events between a cursor and the newest one. A cursor of another epoch stands before the log's first event. */
function behind(position: Place | undefined, newest: Place | undefined): number {
  if (!newest) return 0;
  return position?.epoch === newest.epoch ? Math.max(0, newest.seq - position.seq) : newest.seq;
}
