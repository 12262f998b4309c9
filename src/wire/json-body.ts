import { isUtf8 } from 'node:buffer';
import { BadRequestException } from '@nestjs/common';
import { MAX_DEPTH } from '../notifier/event.js';
import { skipSpace, skipValue, TOO_DEEP } from './json-grammar.js';

/** @throws BadRequestException where nothing in `body` can be read as text */
export function assertText(body: Buffer): void {
  if (body.length === 0) throw new BadRequestException('body must not be empty');
  if (!isUtf8(body)) throw new BadRequestException('body must be valid UTF-8');
}

/**
 * What a small body says.
 *
 * @throws BadRequestException where it is no JSON (a BOM before it makes it none: RFC 8259, section 8.1) or goes too deep. V8's error text, which
 *   quotes the input, is neither sent nor logged
 */
export function parseJsonBody(body: Buffer): unknown {
  assertText(body);
  // Before JSON.parse, which takes any depth.
  const end = skipValue(body, skipSpace(body, 0), MAX_DEPTH);
  if (end === TOO_DEEP) throw new BadRequestException(`body must be nested at most ${MAX_DEPTH} deep`);
  if (end < 0 || skipSpace(body, end) < body.length) throw notJson();
  return JSON.parse(body.toString());
}

export function notJson(): BadRequestException {
  return new BadRequestException('body must be valid JSON');
}
