import {
  Catch,
  MethodNotAllowedException,
  NotFoundException,
  type ArgumentsHost,
  type ExceptionFilter,
} from '@nestjs/common';
import type { Request, Response } from 'express';
import { answerError } from './answer.js';
import { ALLOWED_METHODS } from './routes.js';
import { PeerAddresses } from '../wire/peer-addresses.js';
import { RefusalLog } from '../wire/refusal-log.js';

/** Every error that leaves through Nest leaves in the form of `answerError`. */
@Catch()
export class ErrorFilter implements ExceptionFilter {
  constructor(
    private readonly refusals: RefusalLog,
    private readonly addresses: PeerAddresses,
  ) {}

  catch(error: unknown, host: ArgumentsHost): void {
    const http = host.switchToHttp();
    const request = http.getRequest<Request>();
    const allowed = error instanceof NotFoundException ? ALLOWED_METHODS[request.path] : undefined;
    const told = allowed ? new MethodNotAllowedException(`use ${allowed}`) : nameless(error);
    this.refusals.answered('request', told, { address: this.addresses.of(request) });
    answerError(http.getResponse<Response>(), told, allowed ? { Allow: allowed } : {});
  }
}

/** Nest's own text quotes the path. */
function nameless(error: unknown): unknown {
  return error instanceof NotFoundException ? new NotFoundException('no such path') : error;
}
