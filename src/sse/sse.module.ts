import { Module } from '@nestjs/common';
import { NotifierModule } from '../notifier/notifier.module.js';
import { EventStreamController } from './event-stream.controller.js';

@Module({ imports: [NotifierModule], controllers: [EventStreamController] })
export class SseModule {}
