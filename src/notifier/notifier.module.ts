import { Module } from '@nestjs/common';
import { EventBufferService } from './event-buffer.service.js';
import { ShutdownService } from './shutdown.service.js';
import { SubscriptionService } from './subscription.service.js';

/**
 * The core. Its ports (EventLog, Authenticator, Metrics, NotifierOptions), and what it shares with the edges (OpenConnections, Lifecycle), are
 * provided by the application module.
 */
@Module({
  providers: [EventBufferService, SubscriptionService, ShutdownService],
  exports: [EventBufferService, SubscriptionService, ShutdownService],
})
export class NotifierModule {}
