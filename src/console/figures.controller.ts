import { BadRequestException, Controller, Get, Header, Query, UseGuards } from '@nestjs/common';
import { Authenticator } from '../notifier/authenticator.js';
import { Cluster, type NodeFigures } from '../notifier/cluster.js';
import { EventLog } from '../notifier/event-log.js';
import { FIGURES } from '../notifier/node-history.js';
import { ReadScopeGuard } from '../wire/read-scope.guard.js';

/** Unix milliseconds, and no number beyond. */
const MOMENT = /^\d{1,15}$/;

/** How all nodes were doing during the last 15 minutes. */
@Controller('console/figures')
@UseGuards(ReadScopeGuard)
export class FiguresController {
  constructor(
    private readonly cluster: Cluster,
    private readonly log: EventLog,
    private readonly authenticator: Authenticator,
  ) {}

  @Get()
  @Header('Cache-Control', 'no-store')
  async figures(@Query('since') since: unknown): Promise<object> {
    const nodes = await this.cluster.figures(readSince(since));
    return {
      store: this.log.name,
      subscribers: this.authenticator.admitsEveryone ? 'everyone' : 'authenticated',
      figures: FIGURES,
      nodes: nodes.map(onTheWire),
    };
  }
}

function onTheWire({ node, startedAt, samples }: NodeFigures): object {
  return { node, started_at: startedAt, samples };
}

function readSince(text: unknown): number {
  if (text === undefined) return 0;
  if (typeof text === 'string' && MOMENT.test(text)) return Number(text);
  throw new BadRequestException('since must be a time in Unix milliseconds');
}
