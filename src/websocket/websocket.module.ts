import { Module } from '@nestjs/common';
import { NotifierModule } from '../notifier/notifier.module.js';
import { SubscriptionsGateway } from './subscriptions.gateway.js';

@Module({ imports: [NotifierModule], providers: [SubscriptionsGateway] })
export class WebSocketModule {}
