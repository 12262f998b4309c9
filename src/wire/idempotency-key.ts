import { createHash } from 'node:crypto';
import { BadRequestException } from '@nestjs/common';
import type { IdempotencyClaim } from '../notifier/event.js';

/** Without a space at either end, which a header could not have: a key is the same over HTTP and WebSocket. */
const FORM = /^(?! )[\x20-\x7e]{1,255}(?<! )$/;

/**
 * The claim that a push makes with its `Idempotency-Key`.
 *
 * @param connector whose key it is: keys are each connector's own
 * @param name what it is called where it stood
 * @throws BadRequestException where the key is malformed
 */
export function readIdempotencyKey(
  key: string | undefined,
  body: Buffer,
  connector: string,
  name: 'Idempotency-Key' | 'idempotency_key' = 'Idempotency-Key',
): IdempotencyClaim | undefined {
  if (key === undefined) return undefined;
  if (!FORM.test(key)) {
    throw new BadRequestException(`${name} must be 1 to 255 printable ASCII characters`);
  }
  return { key: `${connector}\n${key}`, digest: createHash('sha256').update(trimmed(body)).digest('hex') };
}

/** The bytes of the array alone: the white space around it is nobody's. */
function trimmed(body: Buffer): Buffer {
  let start = 0;
  let end = body.length;
  while (start < end && body[start]! <= 32) start++;
  while (end > start && body[end - 1]! <= 32) end--;
  return body.subarray(start, end);
}
