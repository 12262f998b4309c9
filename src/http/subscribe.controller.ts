import { Controller, Get, HttpException, Res } from '@nestjs/common';
import type { Response } from 'express';
import { answerError } from './answer.js';

/** What a request that is no WebSocket handshake finds where subscribers connect. */
@Controller('subscribe_to_events')
export class SubscribeController {
  @Get()
  upgradeRequired(@Res() response: Response): void {
    const error = new HttpException('connect with a WebSocket', 426);
    answerError(response, error, { Upgrade: 'websocket', Connection: 'Upgrade' });
  }
}
