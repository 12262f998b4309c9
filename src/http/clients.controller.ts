import { BadRequestException, Controller, Get, Req, UseGuards } from '@nestjs/common';
import type { Request } from 'express';
import { Cluster, type ConnectionInfo, type SilentNode } from '../notifier/cluster.js';
import { accessIdFault } from '../notifier/event.js';
import { EventLog } from '../notifier/event-log.js';
import type { Position } from '../notifier/position.js';
import { formatPosition } from '../notifier/position.js';
import { otherSpelling } from '../wire/members.js';
import { readQuery, type Query } from '../wire/query.js';
import { ReadScopeGuard } from '../wire/read-scope.guard.js';

const NAMES = ['access_id', 'after', 'limit', 'containing'];

const DEFAULT_LIMIT = 1000;
const MAX_LIMIT = 10_000;

/** Who is connected, and why one user did or did not get something. */
@Controller('clients')
@UseGuards(ReadScopeGuard)
export class ClientsController {
  constructor(
    private readonly cluster: Cluster,
    private readonly log: EventLog,
  ) {}

  @Get()
  async clients(@Req() request: Request): Promise<object> {
    const query = readQuery(request.url, NAMES);
    assertSpelling(query);
    if (query['access_id'] !== undefined) return this.explain(readAccessId(query, 'access_id'));
    const after = query['after'] === undefined ? undefined : readAccessId(query, 'after');
    const containing = query['containing'] === undefined ? undefined : readAccessId(query, 'containing');
    return this.page(after, readLimit(query['limit']), containing);
  }

  private async page(
    after: string | undefined,
    limit: number,
    containing: string | undefined,
  ): Promise<object> {
    // One more than asked for tells whether there is a next page.
    const users = await this.cluster.clients(after, limit + 1, containing);
    const shown = users.slice(0, limit);
    return {
      clients: shown.map(({ accessId, connections }) => ({ access_id: accessId, connections })),
      next: users.length > limit ? shown[limit - 1]!.accessId : null,
    };
  }

  private async explain(accessId: string): Promise<object> {
    const [extent, connections] = await Promise.all([
      this.log.extent(accessId),
      this.cluster.connectionsOf(accessId),
    ]);
    const { events, bytes, oldest, newest, trimmed, drops } = extent;
    return {
      access_id: accessId,
      log: { events, bytes, oldest: idOrNull(oldest), newest: idOrNull(newest), trimmed },
      connections: connections.map(onTheWire),
      drops,
    };
  }
}

function onTheWire(connection: ConnectionInfo | SilentNode): object {
  if (connection.form === 'unknown') return connection;
  const { lastSignOfLife, ...rest } = connection;
  return { ...rest, last_sign_of_life: lastSignOfLife };
}

function idOrNull(position: Position | undefined): string | null {
  return position ? formatPosition(position) : null;
}

/** By another spelling it would be answered with everyone. */
function assertSpelling(query: Query): void {
  const spelling = otherSpelling(query, 'access_id');
  if (spelling !== undefined) throw new BadRequestException(`access_id is written ${spelling}`);
}

function readAccessId(query: Query, name: string): string {
  const value = query[name];
  const fault = accessIdFault(value);
  if (fault) throw new BadRequestException(`${name} ${fault}`);
  return value!;
}

function readLimit(text: string | undefined): number {
  if (text === undefined) return DEFAULT_LIMIT;
  const limit = /^\d{1,6}$/.test(text) ? Number(text) : 0;
  if (limit < 1 || limit > MAX_LIMIT) {
    throw new BadRequestException(`limit must be an integer from 1 to ${MAX_LIMIT}`);
  }
  return limit;
}
