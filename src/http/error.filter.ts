import { Catch, NotFoundException, type ArgumentsHost, type ExceptionFilter } from '@nestjs/common';
import type { Request, Response } from 'express';
import { answerError } from './answer.js';
import { ALLOWED_METHODS } from './routes.js';
import { MethodNotAllowedException } from '@nestjs/common';

/** Every error that leaves through Nest leaves in the form of `answerError`. */
@Catch()
export class ErrorFilter implements ExceptionFilter {
  catch(error: unknown, host: ArgumentsHost): void {
    const http = host.switchToHttp();
    const request = http.getRequest<Request>();
    const response = http.getResponse<Response>();
    const allowed = error instanceof NotFoundException ? ALLOWED_METHODS[request.path] : undefined;
    if (allowed) answerError(response, new MethodNotAllowedException(`use ${allowed}`), { Allow: allowed });
    else if (error instanceof NotFoundException) answerError(response, new NotFoundException('no such path'));
    else answerError(response, error);
  }
}
