import { BadRequestException } from '@nestjs/common';
import { firstFault, IsAccessId } from '../wire/members.js';
import { parseJsonBody } from '../wire/json-body.js';

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
  const request = parseJsonBody(body);
  if (typeof request !== 'object' || request === null || Array.isArray(request)) {
    throw new BadRequestException('body must be an object with drop_access_id');
  }
  const drop = new DropUserRequest(request as Record<string, unknown>);
  const fault = firstFault(drop, request);
  if (fault) throw new BadRequestException(fault);
  return drop.drop_access_id as string;
}
