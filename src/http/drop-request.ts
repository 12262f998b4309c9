import { isUtf8 } from 'node:buffer';
import { BadRequestException } from '@nestjs/common';
import { MAX_DEPTH } from '../notifier/event.js';
import { firstFault, IsAccessId } from '../wire/members.js';
import { parseJsonBody } from '../wire/json-body.js';
import { scanEvents } from '../wire/json-spans.js';

/** Whom to drop. */
export class DropUserRequest {
  @IsAccessId()
  readonly drop_access_id: unknown;

  constructor(members: Readonly<Record<string, unknown>>) {
    this.drop_access_id = members['drop_access_id'];
  }
}

/**
 * The access id of a drop request.
 *
 * @throws BadRequestException naming the member
 */
export function readDropRequest(body: Buffer): string {
  if (body.length === 0) throw new BadRequestException('body must not be empty');
  if (!isUtf8(body)) throw new BadRequestException('body must be valid UTF-8');
  if (!Array.isArray(scanEvents(body.toString('latin1'), MAX_DEPTH))) {
    throw new BadRequestException(`body must be nested at most ${MAX_DEPTH} deep`);
  }
  const request = parseJsonBody(body.toString());
  if (typeof request !== 'object' || request === null || Array.isArray(request)) {
    throw new BadRequestException('body must be an object with drop_access_id');
  }
  const { drop_access_id: accessId } = request as Record<string, unknown>;
  const fault = firstFault(new DropUserRequest({ drop_access_id: accessId }));
  if (fault) throw new BadRequestException(fault);
  return accessId as string;
}
