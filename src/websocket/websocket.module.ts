import { Module } from '@nestjs/common';
import { NotifierModule } from '../notifier/notifier.module.js';
import { PushesGateway } from './pushes.gateway.js';
import { SubscriptionsGateway } from './subscriptions.gateway.js';

@Module({ imports: [NotifierModule], providers: [SubscriptionsGateway, PushesGateway] })
export class WebSocketModule {}
