import { Controller, Get, Res, UseGuards } from '@nestjs/common';
import type { Response } from 'express';
import { Metrics } from '../notifier/metrics.js';
import { ReadScopeGuard } from '../wire/read-scope.guard.js';

/** How this node is doing, for whoever watches it. */
@Controller('metrics')
@UseGuards(ReadScopeGuard)
export class MetricsController {
  constructor(private readonly metrics: Metrics) {}

  @Get()
  async report(@Res() response: Response): Promise<void> {
    const { contentType, text } = await this.metrics.report();
    response.setHeader('Content-Type', contentType);
    response.setHeader('Cache-Control', 'no-store');
    response.end(text);
  }
}
