import type { IncomingMessage } from 'node:http';
import { BadRequestException, HttpException, MethodNotAllowedException } from '@nestjs/common';

/** What `ws` found wrong with a handshake, by what it shows: RFC 6455, sections 4.2.1 and 4.2.2. */
export function malformedHandshake({ method, headers }: IncomingMessage): HttpException {
  if (method !== 'GET') return new MethodNotAllowedException('a WebSocket begins with GET');
  if (headers['sec-websocket-version'] !== '13') {
    return new HttpException('Sec-WebSocket-Version must be 13', 426);
  }
  return new BadRequestException(
    'Sec-WebSocket-Key must be 16 bytes in base64, and Sec-WebSocket-Protocol and -Extensions well-formed, with nothing twice',
  );
}
