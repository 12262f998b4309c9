import { Module } from '@nestjs/common';
import { NotifierModule } from '../notifier/notifier.module.js';
import { NodeGauges } from './node-gauges.js';

@Module({ imports: [NotifierModule], providers: [NodeGauges] })
export class MetricsModule {}
