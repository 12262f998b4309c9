import { Module } from '@nestjs/common';
import { NotifierModule } from '../notifier/notifier.module.js';
import { ClientsController } from './clients.controller.js';
import { EventsController } from './events.controller.js';
import { HealthController } from './health.controller.js';
import { MetricsController } from './metrics.controller.js';

@Module({
  imports: [NotifierModule],
  controllers: [EventsController, ClientsController, HealthController, MetricsController],
})
export class HttpModule {}
