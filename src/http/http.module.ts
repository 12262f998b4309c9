import { Module } from '@nestjs/common';
import { NotifierModule } from '../notifier/notifier.module.js';
import { ClientsController } from './clients.controller.js';
import { EventsController } from './events.controller.js';
import { HealthController } from './health.controller.js';
import { SubscribeController } from './subscribe.controller.js';

@Module({
  imports: [NotifierModule],
  controllers: [EventsController, ClientsController, HealthController, SubscribeController],
})
export class HttpModule {}
