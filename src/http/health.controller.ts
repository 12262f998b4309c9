import { Controller, Get, ServiceUnavailableException } from '@nestjs/common';
import { EventLog } from '../notifier/event-log.js';
import { Lifecycle } from '../notifier/lifecycle.js';

/** For whoever watches or balances: is it alive, should it get traffic. */
@Controller('health')
export class HealthController {
  constructor(
    private readonly log: EventLog,
    private readonly lifecycle: Lifecycle,
  ) {}

  /** The process answers. */
  @Get('live')
  live(): { status: 'ok' } {
    return { status: 'ok' };
  }

  /** The store takes writes, or is a Redis that merely refuses them and can be read, and the server is not going down. */
  @Get('ready')
  ready(): { status: 'ok' } {
    if (!this.lifecycle.isServing) throw new ServiceUnavailableException('the server is going down');
    if (!this.log.isReady()) throw new ServiceUnavailableException('the store does not take events');
    return { status: 'ok' };
  }
}
