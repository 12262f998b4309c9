import { BadRequestException } from '@nestjs/common';

/**
 * What a JSON text says. V8's error text quotes the input: it is neither sent nor logged.
 *
 * @throws BadRequestException where it is no JSON; a BOM before it is none (RFC 8259, section 8.1)
 */
export function parseJsonBody(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new BadRequestException('body must be valid JSON');
  }
}
